/** Number of the wire format. A frame of another number is answered with a refusal in this one and otherwise ignored. */
export const PROTOCOL_VERSION = 2;

/** Version of the package; a command and a daemon of different versions refuse each other. Equal to package.json (tested). */
export const QREW_VERSION = "0.1.0";
