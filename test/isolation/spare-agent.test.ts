import { describe, expect, test } from 'bun:test';
import type { AgentProcess } from '../../src/isolation/none/agent-process.ts';
import { SpareAgent } from '../../src/isolation/none/spare-agent.ts';
import { settle } from '../support/fake-clock.ts';
import { memoryLogger } from '../support/logger.ts';

function start() {
  const started: { agent: AgentProcess; end: () => void; killed: () => boolean }[] = [];
  const gate = { promise: Promise.resolve() };
  const log = memoryLogger();
  const spare = new SpareAgent(async () => {
    await gate.promise;
    const exited = Promise.withResolvers<{ code: number; signal: null }>();
    let killed = false;
    const signalGroup = () => {
      killed = true;
    };
    const child = { exited: exited.promise, signalGroup } as unknown as AgentProcess['child'];
    const agent = { child, mark: `${started.length}`, alive: true } as AgentProcess;
    started.push({ agent, end: () => exited.resolve({ code: 0, signal: null }), killed: () => killed });
    return agent;
  }, log);
  return { spare, started, gate, log };
}

describe('the agent that is started ahead', () => {
  test('waits while nothing runs, serves the first task, and comes back when all is over', async () => {
    const { spare, started } = start();
    spare.prepare();
    spare.prepare();
    await settle();
    expect(started).toHaveLength(1);
    expect(spare.begin()?.mark).toBe('0');
    expect(spare.begin()).toBeUndefined();
    spare.ended();
    await settle();
    expect(started).toHaveLength(1); // the other task still runs: it must not get at an agent that waits
    spare.ended();
    await settle();
    expect(started).toHaveLength(2);
  });

  test('one whose start a task overtakes is not kept', async () => {
    const { spare, started, gate } = start();
    const open = Promise.withResolvers<void>();
    gate.promise = open.promise;
    spare.prepare();
    expect(spare.begin()).toBeUndefined();
    open.resolve();
    await settle();
    expect(started[0]?.killed()).toBe(true);
    spare.ended();
    await settle();
    expect(spare.begin()?.mark).toBe('1');
  });

  test('one that dies is not handed out', async () => {
    const { spare, started } = start();
    spare.prepare();
    await settle();
    started[0]?.end();
    await settle();
    expect(spare.begin()).toBeUndefined();
  });

  test('one that cannot be started is no harm', async () => {
    const log = memoryLogger();
    const spare = new SpareAgent(() => Promise.reject(new Error('no memory')), log);
    spare.prepare();
    await settle();
    expect(spare.begin()).toBeUndefined();
    expect(log.lines.map(({ level }) => level)).toEqual(['debug']);
  });

  test('none is left at the end of the worker', async () => {
    const { spare, started } = start();
    spare.prepare();
    await settle();
    spare.stop();
    expect(started[0]?.killed()).toBe(true);
    spare.prepare();
    await settle();
    expect(started).toHaveLength(1);
  });
});
