import { FORKSERVER_VERSION } from "../../../protocol/forkserverLink.ts";
import { createConnection } from "node:net";
import { expect, it } from "vitest";
import { encodeCommands } from "../../../protocol/forkserverCommandCodec.ts";
import { exited } from "./controller.ts";
import { alone, describeForkservers } from "./flavours.ts";

describeForkservers("a connection that", (given, flavour) => {
  /** Sends bytes; resolves with all that came back when the forkserver has closed. */
  const refusalOf = (bytes: Buffer) =>
    new Promise<string>((resolve) => {
      const socket = createConnection({ path: given.shared.target.socketPath });
      let answer = "";
      socket.on("data", (chunk) => {
        answer += chunk.toString("latin1");
      });
      socket.on("error", () => {});
      socket.on("close", () => resolve(answer));
      socket.write(bytes);
    });
  const hello = encodeCommands([{ type: "hello", version: FORKSERVER_VERSION, control: false }]).bytes;
  const frame = (...payload: number[]) => Buffer.from([payload.length, 0, 0, 0, ...payload]);

  it.each<[string, Buffer, RegExp]>([
    ["sends garbage", Buffer.from("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"), /a frame of \d+ bytes/],
    ["announces too large a frame", Buffer.from([0, 0, 0x41, 0]), /a frame of \d+ bytes/],
    ["sends an empty frame", Buffer.from([0, 0, 0, 0]), /a frame of 0 bytes/],
    [
      "speaks another version",
      encodeCommands([{ type: "hello", version: 7, control: true }]).bytes,
      new RegExp(`version ${FORKSERVER_VERSION}`),
    ],
    ["does not say hello", encodeCommands([{ type: "report" }]).bytes, /has to be a hello/],
    ["sends an unknown type", Buffer.concat([hello, frame(77)]), /type 77/],
    ["sends a fact", Buffer.concat([hello, frame(133)]), /type 133/],
    ["sends too short a payload", Buffer.concat([hello, frame(1, 1)]), /type 1/],
    ["sends too long a payload", Buffer.concat([hello, frame(8, 0)]), /type 8/],
    [
      "commands without control",
      Buffer.concat([hello, encodeCommands([{ type: "leave" }]).bytes]),
      /controller/,
    ],
  ])("%s is refused", async (_, bytes, reason) => {
    expect(await refusalOf(bytes)).toMatch(reason);
    expect(given.controller.closedBecause).toBeNull();
  });

  it("has control and sends texts or lists that cannot be is refused, and the forkserver goes on", () =>
    alone(flavour, {}, async (fixture) => {
      const key = [1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0];
      const spawn = [3, ...key, 232, 3, 0, 0, 1, 0, 0, 0];
      const payloads = [
        [...spawn, 0xff, 0xff, 0xff, 0xff],
        [...spawn, 0, 0, 0, 0],
        [...spawn, 1, 0, 0, 0, 0xff, 0xff, 0xff, 0x7f],
        [...spawn, 1, 0, 0, 0, 2, 0, 0, 0, 65, 0],
        [2, 1, 0, 0, 0, 0xff, 0xff, 0xff, 0xff],
        [7, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
        [7, 1, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 65, 0],
        [...spawn, 1, 0, 0, 0, 2, 0, 0, 0, 65, 0, ...Array.from({ length: 25 }, () => 0)],
      ];
      for (const payload of payloads) {
        const socket = createConnection({ path: fixture.target.socketPath });
        let answer = "";
        const closed = new Promise<void>((resolve) => socket.on("close", () => resolve()));
        socket
          .on("error", () => {})
          .on("data", (chunk) => {
            answer += chunk.toString("latin1");
          });
        socket.write(encodeCommands([{ type: "hello", version: FORKSERVER_VERSION, control: true }]).bytes);
        socket.write(frame(...payload));
        await closed;
        expect(answer).toMatch(/a frame of type/);
      }
      const again = await fixture.open();
      await again.until("the list", () => again.of("listed").length > 0);
      expect(again.facts.map(({ type }) => type)).toEqual(["listed"]);
      const job = fixture.job(again, 1000);
      expect((await fixture.run(again, job, "true")).ended.outcome).toEqual(exited(0));
    }));

  it("vanishes while it is told something does no harm", () =>
    alone(flavour, {}, async (fixture, first) => {
      const job = fixture.job(first, 4000);
      first.send(...Array.from({ length: 200 }, () => fixture.spawn(job, ["true"])));
      // What is still on its way to the forkserver when the next one takes over is not heeded.
      first.send({ type: "setCap", job, serial: 1, cpusMilli: 4000 });
      await first.capSet(job, 1);
      first.client.close();
      for (let round = 0; round < 5; round++) {
        const socket = createConnection({ path: fixture.target.socketPath });
        await new Promise<void>((resolve) => socket.once("connect", () => resolve()));
        socket.write(encodeCommands([{ type: "hello", version: FORKSERVER_VERSION, control: true }]).bytes);
        socket.destroy();
      }
      const last = await fixture.open();
      await last.until("all ends", () => last.of("ended").length === 200);
      expect(last.client.pid).toBe(first.client.pid);
    }));
});
