/** Bounds of what travels. Each has its reason; at a bound there is backpressure or a clear refusal. */

/** Largest ZeroMQ frame. A batch is cut well below it; a peer that sends more is disconnected by libzmq. */
export const FRAME_BYTES_MAX = 16 * 1024 * 1024;

/** A batch of messages is cut here: large enough to amortise a frame, small enough to keep an event loop responsive. */
export const BATCH_BYTES_TARGET = 1024 * 1024;

/** Messages in one frame; bounds the work that one frame can cause before timers get their turn. */
export const FRAME_MESSAGES_MAX = 65_536;

/** One piece of a submitted document. */
export const SUBMISSION_CHUNK_BYTES = 512 * 1024;

/** A document that comes with the message that submits it, kept in memory until it is planned: most have a few kilobytes. */
export const WHOLE_DOCUMENT_BYTES_MAX = 32 * 1024;

/** Pieces that a client may have in flight: the submitter is slowed, not dropped. */
export const SUBMISSION_WINDOW = 8;

/**
 * A whole submitted document: one piece less than 512 MiB, as V8's longest string is 24 bytes less and a document is read
 * from one. A million tasks as JSON take about 150 MB.
 */
export const DOCUMENT_BYTES_MAX = 512 * 1024 * 1024 - SUBMISSION_CHUNK_BYTES;

/** The environment captured with a job; Linux allows 2 MiB for arguments and environment of a process together. */
export const ENVIRONMENT_BYTES_MAX = 1024 * 1024;

/** Tasks of one job, arrays expanded. Their states are held in memory at about 16 bytes each. */
export const JOB_TASKS_MAX = 10_000_000;

/**
 * Jobs of one priority that a QWorker runs side by side; each is an actor with its own state in memory. Those of a lower
 * priority take no place from a job, so that 64 long ones keep no urgent one waiting.
 */
export const JOBS_PER_WORKER_MAX = 64;

/** And of all priorities together. */
export const LOADED_JOBS_MAX = 256;

/** Jobs of a seat, parked ones included: its forkserver keeps the caps of 4,096. */
export const SEAT_JOBS_MAX = 2048;

/** Output up to this size per stream travels to the QWorker and is kept in the store; what is longer stays in a file. */
export const INLINE_OUTPUT_BYTES_MAX = 32 * 1024;

/** Output kept per stream and attempt: the first and the last half of it, with a marker where it was cut. */
export const OUTPUT_BYTES_MAX = 64 * 1024 * 1024;

/** Text given to a task's standard input; more belongs in a file. */
export const STDIN_BYTES_MAX = 1024 * 1024;

/** A frame on the forkserver's socket: arguments and environment of one attempt, or a job's context. */
export const FORKSERVER_FRAME_BYTES_MAX = 4 * 1024 * 1024;

/** A unix socket path has 108 bytes, the last is zero. */
export const SOCKET_PATH_BYTES_MAX = 107;

/** Classes (priority and shape) that a job's demand may have; later ones are told when earlier ones are satisfied. */
export const DEMAND_CLASSES_MAX = 16;

/** Jobs that an explanation names as holders of slots: those that hold most. */
export const HOLDERS_MAX = 64;

/** Running tasks that a job report names, for the live view. */
export const REPORTED_RUNNING_MAX = 8;

/** An unsealed submission is forgotten after this time without a piece: its pieces take disk. */
export const SUBMISSION_LIFE_MS = 120_000;

/** A submission's key in UTF-8: it is a key in the store, and somebody has to read it in a message. */
export const SUBMISSION_KEY_BYTES_MAX = 200;

/** As the grace of a stop: withdraw the attempt if it has not started; one that runs goes on. The largest u32. */
export const WITHDRAW_ONLY_MS = 0xffff_ffff;
