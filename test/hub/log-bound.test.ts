import { expect, test } from 'bun:test';
import { boundedLog } from '../../src/hub/rpc/log-service.ts';

async function* letters(count: number) {
  for (let n = 0; n < count; n += 1) yield new TextEncoder().encode('abc');
}

async function kept(room: number, pieces: number): Promise<string> {
  let text = '';
  for await (const piece of boundedLog(letters(pieces), room, 1024)) text += new TextDecoder().decode(piece);
  return text;
}

const NOTE = '\n… no more than 1.0 KiB of a log are kept\n';

test.each<[string, number, number, string]>([
  ['a log that fits is whole', 10, 3, 'abcabcabc'],
  ['one that does not is cut within a piece, and says so once', 4, 1_000, `abca${NOTE}`],
  ['one that is exactly full says so', 6, 2, `abcabc${NOTE}`],
  ['a stream that comes after the end adds nothing', 0, 1_000, ''],
  ['nor one that comes far behind it', -5, 2, ''],
])('%s', async (_title, room, pieces, text) => {
  expect(await kept(room, pieces)).toBe(text);
});
