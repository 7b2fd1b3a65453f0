import { describe, expect, test } from 'bun:test';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { openSpool, type Spool, SpoolBudget } from '../../../src/agent/log/spool.ts';
import { tempFolder } from '../../support/temp-folder.ts';

const bytes = (text: string) => new TextEncoder().encode(text);

async function whole(spool: Spool, pieceBytes = 7): Promise<string> {
  let text = '';
  while (text.length < spool.sizeBytes) text += Buffer.from(await spool.read(text.length, pieceBytes)).toString();
  return text;
}

describe('the log of a step on disk', () => {
  test('gives back what it took, in the order of the calls, and is gone afterwards', async () => {
    using folder = tempFolder();
    const path = join(folder.path, 'log');
    const spool = await openSpool(path, new SpoolBudget());
    await Promise.all(['one ', 'two ', 'three'].map((word) => spool.append(bytes(word))));
    expect(await whole(spool)).toBe('one two three');
    expect(existsSync(path)).toBe(true);
    await spool.remove();
    expect(existsSync(path)).toBe(false);
  });

  test('P11: takes no more than its share; the log says so and keeps the words of the agent', async () => {
    using folder = tempFolder();
    const budget = new SpoolBudget(10);
    const spool = await openSpool(join(folder.path, 'log'), budget);
    await spool.append(bytes('12345678'));
    await spool.append(bytes('90abc'));
    await spool.append(bytes('lost'));
    await spool.note(bytes('Exit status: 3\n'));
    expect(spool.lostBytes).toBe(7);
    expect(await whole(spool)).toBe(
      '1234567890\n[The rest of the output is not in this log: all that the logs of a task may take on disk is used up]\nExit status: 3\n',
    );
    const other = await openSpool(join(folder.path, 'other'), budget);
    await spool.remove(); // delivered: its share is free again
    await other.append(bytes('fits again'));
    expect(await whole(other)).toBe('fits again');
    await other.remove();
  });

  test('notes in memory have a bound too', async () => {
    using folder = tempFolder();
    const spool = await openSpool(join(folder.path, 'log'), new SpoolBudget(0));
    for (let round = 0; round < 100; round += 1) await spool.note(bytes('n'.repeat(10_000)));
    expect(spool.sizeBytes).toBeLessThanOrEqual(64 * 1024);
    await spool.remove();
  });

  test('a folder that takes no file leaves a log with the reason', async () => {
    using folder = tempFolder();
    writeFileSync(join(folder.path, 'log'), 'somebody else’s');
    const spool = await openSpool(join(folder.path, 'log'), new SpoolBudget());
    await spool.append(bytes('output'));
    expect(await whole(spool, 1_000)).toContain('The rest of the output is not in this log: ');
    expect(spool.lostBytes).toBe(6);
  });
});
