/** Words as they have to be written for a POSIX shell. */

const PLAIN = /^[\w@%+:,./-]+$/;

/** Whether a shell would take the word for what it is, without quotes. */
export const isPlainWord = (text: string): boolean => PLAIN.test(text);

export const shellWord = (text: string): string =>
  isPlainWord(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
