import { Writable } from "node:stream";
import { matching } from "../client/matching.ts";
import { describe, expect, it } from "vitest";
import { openTerminal, OutputClosed } from "../../../src/cli/terminal.ts";

/** A stream that takes nothing before it is told to; `fail` is what it then says. */
class Gate extends Writable {
  readonly isTTY = true;
  readonly columns = 33;
  readonly rows = 10;
  readonly taken: string[] = [];
  readonly #waiting: (() => void)[] = [];
  #isOpen = false;
  #fault: NodeJS.ErrnoException | null = null;

  constructor() {
    super({ highWaterMark: 4, decodeStrings: false });
  }

  override _write(chunk: string, _encoding: string, done: (error?: Error | null) => void): void {
    const take = (): void => {
      if (this.#fault === null) this.taken.push(chunk);
      done(this.#fault);
    };
    if (this.#isOpen || this.#fault !== null) take();
    else this.#waiting.push(take);
  }

  open(): void {
    this.#isOpen = true;
    for (const take of this.#waiting.splice(0)) take();
  }

  fail(code: string): void {
    this.#fault = Object.assign(new Error(code), { code });
    this.open();
  }
}

describe("the terminal", () => {
  it("waits until a slow reader takes more", async () => {
    const out = new Gate();
    const terminal = openTerminal(out, new Gate(), {});
    let isWritten = false;
    const written = terminal.write("0123456789").finally(() => {
      isWritten = true;
    });
    await Promise.resolve();
    expect(isWritten).toBe(false);
    out.open();
    await written;
    expect(out.taken).toEqual(["0123456789"]);
  });

  it("ends a command quietly when nobody reads any more", async () => {
    const out = new Gate();
    const terminal = openTerminal(out, new Gate(), {});
    const first = terminal.write("0123456789");
    out.fail("EPIPE");
    await first;
    await expect(terminal.write("more")).rejects.toBeInstanceOf(OutputClosed);
  });

  it("reports what else is wrong with stdout, as a full disk", async () => {
    const out = new Gate();
    const terminal = openTerminal(out, new Gate(), {});
    const first = terminal.write("0123456789");
    out.fail("ENOSPC");
    await first;
    await expect(terminal.write("more")).rejects.toMatchObject({
      code: "storeFull",
      message: matching(/ENOSPC/),
    });
  });

  it("never fails because nobody reads stderr", async () => {
    const error = new Gate();
    const terminal = openTerminal(new Gate(), error, {});
    error.fail("EPIPE");
    terminal.note("one");
    await new Promise((resolve) => setImmediate(resolve));
    expect(() => terminal.note("two")).not.toThrow();
  });

  it.each([
    [{}, true, false],
    [{ NO_COLOR: "1" }, false, false],
    [{ NO_COLOR: "" }, true, false],
    [{ TERM: "dumb" }, false, false],
    [{ LANG: "en_US.UTF-8" }, true, true],
    [{ LANG: "en_US.UTF-8", LC_ALL: "C" }, true, false],
  ])("in %j has colours: %j, unicode: %j", (environment, colour, unicode) => {
    const { style } = openTerminal(new Gate(), new Gate(), environment);
    expect(style).toEqual({ colour, unicode, columns: 33 });
  });
});
