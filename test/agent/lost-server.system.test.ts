import { expect, test } from 'bun:test';
import { create } from '@bufbuild/protobuf';
import { type Clock, systemClock } from '../../src/platform/clock.ts';
import { CommandSchema } from '../../src/rpc/gen/cirrus_ci_service_pb.ts';
import { FakeAgentServer } from '../support/fake-agent-server.ts';
import { agentResult } from '../support/run-test-agent.ts';
import { tempFolder } from '../support/temp-folder.ts';

const LIMIT_MS = 5 * 60_000;

/** Pauses are short; the limit of the last reports comes when the test says so. */
function clockWith(onLimit: (fire: () => void) => void): Clock {
  return {
    ...systemClock,
    sleep: (ms, signal) => systemClock.sleep(Math.min(ms, 2), signal),
    after: (ms, fire) => {
      if (ms !== LIMIT_MS) return systemClock.after(ms, fire);
      onLimit(fire);
      return () => {};
    },
  };
}

async function run(refused: number, onLimit: (fire: () => void) => void) {
  using folder = tempFolder();
  const instruction = { case: 'scriptInstruction' as const, value: { scripts: ['echo done'] } };
  const commands = [create(CommandSchema, { name: 'step', instruction })];
  await using server = new FakeAgentServer({ commands, serverToken: 'server secret', timeoutInSeconds: 60n });
  await server.start();
  for (const method of ['streamLogs', 'saveLogs', 'reportAgentFinished']) {
    server.refusals.set(method, { status: 'UNAVAILABLE', times: refused });
  }
  const clock = clockWith(onLimit);
  const { exitCode, problem } = await agentResult(server, folder.path, { deps: { clock } });
  return { exitCode, problem, finished: server.finished.length };
}

test('a server that is away for a while gets everything in the end', async () => {
  const { exitCode, problem, finished } = await run(20, () => {});
  expect([exitCode, problem, finished]).toEqual([0, null, 1]);
});

test('a server that stays away is given up five minutes after the last step, with 69 and the reason', async () => {
  const { exitCode, problem, finished } = await run(1_000_000, (fire) => void systemClock.after(100, fire));
  expect([exitCode, finished]).toEqual([69, 0]);
  expect(problem).toContain('the final report was not taken');
}, 20_000);
