/** How the actors of a daemon write to each other (see codec.ts): the shapes of both links are numbered, those of every attempt first. */
import { recordForm } from "./codec.ts";
import { commandSchema, factSchema } from "./executorLink.ts";
import { shapesOf } from "./shapes.ts";
import { managerCommandSchema, workerFactSchema } from "./workerLink.ts";

/** Part of the wire: whoever changes what is in here raises PROTOCOL_VERSION. */
export const ACTOR_SHAPES = shapesOf(factSchema, commandSchema, workerFactSchema, managerCommandSchema);

export const ACTOR_FORM = recordForm(ACTOR_SHAPES);
