import { afterEach, describe, expect, test } from 'bun:test';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { Duplex } from 'node:stream';
import { parentChannel } from '../../src/platform/control-channel.ts';
import { findProcess } from '../../src/platform/process-table.ts';
import { type Child, sendSignal, spawn } from '../../src/platform/processes.ts';
import { tempFolder } from '../support/temp-folder.ts';
import { waitFor } from '../support/wait-for.ts';

const CHILD = join(import.meta.dir, 'fixtures/control-child.ts');
const PARENT = join(import.meta.dir, 'fixtures/control-parent.ts');
const started: Child[] = [];

afterEach(() => {
  for (const child of started.splice(0)) child.signalGroup('SIGKILL');
});

async function startChild(...args: string[]) {
  const child = await spawn({ argv: [process.execPath, CHILD, ...args], env: {}, control: true });
  started.push(child);
  if (child.control === null) throw new Error('no control channel');
  return { child, control: child.control };
}

/** A stream whose arriving bytes the test chooses. */
function wire() {
  const stream = new Duplex({ read() {}, write: (_chunk, _encoding, done) => done() });
  const messages: unknown[] = [];
  const events = { closed: 0 };
  parentChannel(stream).listen(
    (message) => messages.push(message),
    () => {
      events.closed += 1;
    },
  );
  const arrive = async (...chunks: (string | Buffer)[]) => {
    for (const chunk of chunks) stream.push(chunk);
    await new Promise<void>((resolve) => setImmediate(() => setImmediate(resolve)));
  };
  return { stream, messages, events, arrive };
}

describe('reading', () => {
  test('messages come one a line, however they were cut on the way', async () => {
    const { messages, events, arrive } = wire();
    const bytes = Buffer.from('{"a":"ä"}\n[1,2]\n"x"\n');
    for (const byte of bytes) await arrive(Buffer.from([byte]));
    expect(messages).toEqual([{ a: 'ä' }, [1, 2], 'x']);
    expect(events.closed).toBe(0);
  });

  test('several in one piece keep their order', async () => {
    const { messages, arrive } = wire();
    await arrive('1\n2\n3\n4');
    expect(messages).toEqual([1, 2, 3]);
    await arrive('5\n');
    expect(messages).toEqual([1, 2, 3, 45]);
  });

  test.each([
    ['what is not JSON', '{"a":1}\nhello\n{"b":2}\n'],
    ['an empty line', '{"a":1}\n\n{"b":2}\n'],
    ['a line without end', `{"a":1}\n"${'x'.repeat(4 * 1024 * 1024 + 1)}`],
  ])('%s closes the channel, and nothing after it is heard', async (_name, text) => {
    const { stream, messages, events, arrive } = wire();
    await arrive(text);
    await waitFor('the channel to close', () => events.closed > 0);
    expect(stream.destroyed).toBe(true);
    expect(messages).toEqual([{ a: 1 }]);
    expect(events.closed).toBe(1);
  });

  test('an error of the stream closes it quietly', async () => {
    const { stream, events } = wire();
    stream.destroy(new Error('EPIPE'));
    await waitFor('the channel to close', () => events.closed === 1);
  });
});

test('sending after the end is no error', async () => {
  const stream = new Duplex({ read() {}, write: (_chunk, _encoding, done) => done() });
  const channel = parentChannel(stream);
  stream.destroy();
  channel.send({ late: true });
  await waitFor('the end', () => stream.closed);
});

describe('between two processes', () => {
  test('messages go both ways, and the child learns when the channel is closed', async () => {
    using folder = tempFolder();
    const marker = join(folder.path, 'marker');
    const { child, control } = await startChild(marker);
    const messages: unknown[] = [];
    const channel = parentChannel(control);
    channel.listen(
      (message) => messages.push(message),
      () => {},
    );
    await waitFor('the child to speak', () => messages.length === 1);
    expect(messages[0]).toEqual({ ready: true, pid: child.pid });
    channel.send({ hello: 'Wörld\n' });
    await waitFor('the answer', () => messages.length === 2);
    expect(messages[1]).toEqual({ echo: { hello: 'Wörld\n' } });
    control.destroy();
    expect(await child.exited).toEqual({ code: 0, signal: null });
    expect(existsSync(marker)).toBe(true);
  });

  test('what a child said just before it ended arrives whole', async () => {
    const { child, control } = await startChild('-', 'burst');
    const sizes: number[] = [];
    const closed = Promise.withResolvers<void>();
    parentChannel(control).listen((message) => {
      sizes.push((message as { filling: string }).filling.length);
    }, closed.resolve);
    await closed.promise;
    expect(sizes).toEqual(Array(6).fill(200_000));
    expect((await child.exited).code).toBe(0);
  });

  test('the parent learns of the end of a child that said nothing', async () => {
    const { control } = await startChild('-', 'silent');
    const closed = Promise.withResolvers<void>();
    parentChannel(control).listen(() => {}, closed.resolve);
    await closed.promise;
  });

  test('a child whose parent is killed learns it', async () => {
    using folder = tempFolder();
    const marker = join(folder.path, 'marker');
    const parent = await spawn({ argv: [process.execPath, PARENT, CHILD, marker], env: {}, stdout: 'pipe' });
    started.push(parent);
    let pid = 0;
    parent.stdout?.on('data', (data: Buffer) => {
      pid = Number.parseInt(String(data), 10);
    });
    await waitFor('the child to be up', () => pid > 0);
    try {
      parent.signal('SIGKILL');
      await waitFor('the child to notice', () => existsSync(marker));
      await waitFor('the child to end', () => findProcess(pid) === undefined);
    } finally {
      sendSignal(pid, 'SIGKILL');
    }
  });
});
