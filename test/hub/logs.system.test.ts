import { expect } from 'bun:test';
import fc from 'fast-check';
import type { LogChunk } from '../../src/hub/model.ts';
import { type Engine, onBothEngines } from '../support/engines.ts';
import { HubUnderTest, until } from './heart-harness.ts';
import { ScriptedWorker } from './scripted-worker.ts';

const text = (chunks: readonly LogChunk[]) => chunks.map(({ data }) => new TextDecoder().decode(data)).join('');

/** `expect().rejects` would hold up the sockets that the answer has to come through. */
const errorOf = (call: Promise<unknown>) =>
  call.then(
    () => 'no error',
    (error: unknown) => error,
  );

async function rig(engine: Engine) {
  const made = await engine.open();
  const hub = await HubUnderTest.start(made.address);
  const worker = await ScriptedWorker.join(hub);
  const build = await hub.submit({ name: 'unit', scripts: ['setup', 'main'] });
  const task = await worker.take();
  await worker.started(task);
  const agent = worker.agent(task);
  const { core } = hub.heart;
  const whole = async (name: string) => {
    let all = '';
    for await (const piece of core.readLog(task.taskId, name)) all += new TextDecoder().decode(piece);
    return all;
  };
  const chunks = (afterSeq = 0) => core.readLogs(build.id, afterSeq);
  return {
    hub,
    agent,
    worker,
    build,
    whole,
    chunks,
    [Symbol.asyncDispose]: async () => {
      await hub.stop();
      await made[Symbol.asyncDispose]();
    },
  };
}

onBothEngines('logs', (engine) => {
  engine.test('are there as they come, in one order over all instructions', async () => {
    await using the = await rig(engine);
    expect(await the.agent.stream('setup', 'one\n')).toBe(4);
    expect(await the.agent.stream('setup', 'two\n')).toBe(4);
    await the.agent.stream('main', 'three\n');
    const chunks = await the.chunks();
    expect(chunks.map(({ instruction, offset, replaces }) => [instruction, offset, replaces])).toEqual([
      ['setup', 0, false],
      ['setup', 4, false],
      ['main', 0, false],
    ]);
    expect(text(chunks)).toBe('one\ntwo\nthree\n');
    const [first] = chunks;
    expect(text(await the.chunks(first?.seq))).toBe('two\nthree\n');
    expect(await the.chunks(chunks.at(-1)?.seq)).toEqual([]);
  });

  engine.test('an empty piece at the end does not answer for those before it', async () => {
    await using the = await rig(engine);
    const stored: number[] = [];
    await Promise.all(
      ['setup', 'main'].map(async (name) => {
        await the.agent.stream(name, 'x'.repeat(100_000), '');
        stored.push((await the.whole(name)).length);
      }),
    );
    expect(stored).toEqual([100_000, 100_000]);
  });

  engine.test('a second stream of the same instruction goes on where the first broke', async () => {
    await using the = await rig(engine);
    await the.agent.stream('main', 'a');
    await the.agent.stream('main', 'b');
    expect(await the.whole('main')).toBe('ab');
  });

  const copies: [string, string[], string[], boolean][] = [
    ['the same, in other pieces: nothing is stored again', ['ab', 'cd'], ['abc', 'd'], false],
    ['more than was streamed: the rest is added', ['ab'], ['abcd'], false],
    ['nothing was streamed', [], ['abcd'], false],
    ['a piece is missing in the stream: the copy takes its place', ['ab', 'ef'], ['abcd', 'ef'], true],
    ['it differs from the beginning', ['xy'], ['abcd'], true],
    ['it differs and is shorter', ['abcdef'], ['abx'], true],
  ];
  for (const [title, streamed, copy, replaced] of copies)
    engine.test(`the final copy: ${title}`, async () => {
      await using the = await rig(engine);
      await the.agent.stream('main', ...streamed);
      const seen = (await the.chunks()).at(-1)?.seq ?? 0;
      expect(await the.agent.save('main', ...copy)).toBe(copy.join('').length);
      expect(await the.whole('main')).toBe(copy.join(''));
      const news = await the.chunks(seen);
      expect(news.some(({ replaces }) => replaces)).toBe(replaced);
      if (replaced) expect([news[0]?.replaces, text(news)]).toEqual([true, copy.join('')]);
      await the.agent.save('main', ...copy); // a repetition changes nothing
      expect(await the.whole('main')).toBe(copy.join(''));
    });

  const repeats: [string, number, string[], string][] = [
    ['from the beginning', 0, ['abc', 'def'], 'abcdef'],
    ['in the middle of a piece', 2, ['cd', 'ef'], 'abcdef'],
    ['exactly where it broke', 4, ['ef'], 'abcdef'],
    ['with nothing new', 1, ['b', 'c'], 'abcd'],
    ['beyond the end, since something was lost', 6, ['gh'], 'abcdgh'],
  ];
  for (const [title, offset, pieces, whole] of repeats)
    engine.test(`a stream that is sent again ${title} shows nothing twice`, async () => {
      await using the = await rig(engine);
      await the.agent.stream('main', 'ab', 'cd');
      const seen = (await the.chunks()).at(-1)?.seq ?? 0;
      await the.agent.streamFrom(offset, 'main', ...pieces);
      expect(await the.whole('main')).toBe(whole);
      expect(text(await the.chunks(seen))).toBe(whole.slice(4));
    });

  engine.test('a copy that is only shorter than the stream was cut off, and is not believed', async () => {
    await using the = await rig(engine);
    await the.agent.stream('main', 'abcdef');
    await the.agent.save('main', 'abc');
    expect(await the.whole('main')).toBe('abcdef');
  });

  engine.test('a final copy that breaks off leaves the stored log alone', async () => {
    await using the = await rig(engine);
    await the.agent.stream('main', 'kept');
    const { CirrusCIService } = await import('../../src/rpc/gen/cirrus_ci_service_pb.ts');
    const cut = new AbortController();
    const upload = the.worker.client.upload(CirrusCIService.method.saveLogs, the.agent.headers, cut.signal);
    await upload.write({ value: { case: 'key', value: { commandName: 'main' } } });
    await upload.write({ value: { case: 'chunk', value: { data: new TextEncoder().encode('other') } } });
    await until(async () => (await the.hub.copiesAside()) > 0);
    cut.abort();
    await until(async () => (await the.hub.copiesAside()) === 0);
    expect(await the.whole('main')).toBe('kept');
    expect(the.hub.bugs).toEqual([]);
  });

  engine.test('an unknown instruction and a stream without a key are refused', async () => {
    await using the = await rig(engine);
    expect(await errorOf(the.agent.stream('nothing', 'x'))).toMatchObject({ status: 'FAILED_PRECONDITION' });
    const { CirrusCIService } = await import('../../src/rpc/gen/cirrus_ci_service_pb.ts');
    const upload = the.worker.client.upload(
      CirrusCIService.method.streamLogs,
      the.agent.headers,
      AbortSignal.timeout(10_000),
    );
    await upload.write({ value: { case: 'chunk', value: { data: new Uint8Array(3) } } });
    expect(await errorOf(upload.finish())).toMatchObject({ status: 'INVALID_ARGUMENT' });
  });

  engine.test('many streams at once keep every byte, and a reader gets them in steps', async () => {
    await using the = await rig(engine);
    const big = 'x'.repeat(900_000);
    await Promise.all(['setup', 'main'].map((name) => the.agent.stream(name, big, big, big, big)));
    const first = await the.chunks();
    expect(text(first).length).toBeLessThanOrEqual(4 * 1024 * 1024);
    let all = '';
    for (let step = first; step.length > 0; step = await the.chunks(step.at(-1)?.seq)) all += text(step);
    expect(all.length).toBe(8 * big.length);
    expect((await the.whole('main')).length).toBe(4 * big.length);
  });

  engine.test('what a follower pieces together is what is stored, whatever was streamed and saved', async () => {
    await using the = await rig(engine);
    const pieces = fc.array(fc.string({ minLength: 1, maxLength: 5, unit: fc.constantFrom('a', 'b') }), {
      maxLength: 4,
    });
    let seen = 0;
    let followed = '';
    const follow = async () => {
      for (const chunk of await the.chunks(seen)) {
        followed = (chunk.replaces ? '' : followed) + text([chunk]);
        seen = chunk.seq;
      }
    };
    await fc.assert(
      fc.asyncProperty(pieces, pieces, async (streamed, saved) => {
        await the.agent.stream('main', ...streamed);
        await follow();
        await the.agent.save('main', ...saved);
        await follow();
        const whole = await the.whole('main');
        if (!whole.startsWith(saved.join(''))) expect(whole).toBe(saved.join(''));
        expect(followed).toBe(whole);
      }),
      { numRuns: 40 },
    );
  });
});
