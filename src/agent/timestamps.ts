const NEWLINE = 0x0a;

/** Where each line of `chunk` begins, its own beginning included when a line begins there. */
function beginnings(chunk: Uint8Array, atStart: boolean): number[] {
  const starts = atStart ? [0] : [];
  for (let at = chunk.indexOf(NEWLINE); at >= 0 && at + 1 < chunk.length; at = chunk.indexOf(NEWLINE, at + 1)) {
    starts.push(at + 1);
  }
  return starts;
}

/**
 * Puts a time in front of every line of a stream (specification of the agent, 8.4). A prefix is owed at the start and
 * after each newline, and written only when more bytes come, so none dangles at the end. `stamp` gives the prefix; all
 * lines of a chunk came at the same time.
 */
export function timestampFilter(stamp: () => string): (chunk: Uint8Array) => Uint8Array {
  let owed = true;
  return (chunk) => {
    if (chunk.length === 0) return chunk;
    const starts = beginnings(chunk, owed);
    owed = chunk[chunk.length - 1] === NEWLINE;
    if (starts.length === 0) return chunk;
    const prefix = new TextEncoder().encode(stamp());
    const result = new Uint8Array(chunk.length + starts.length * prefix.length);
    let to = 0;
    let from = 0;
    for (const start of starts) {
      result.set(chunk.subarray(from, start), to);
      to += start - from;
      result.set(prefix, to);
      to += prefix.length;
      from = start;
    }
    result.set(chunk.subarray(from), to);
    return result;
  };
}

/** `[HH:MM:SS.mmm] ` in local time. `offsetMinutes` is what local time is ahead of UTC. */
export function clockPrefix(wallMs: number, offsetMinutes: number): string {
  return `[${new Date(wallMs + offsetMinutes * 60_000).toISOString().slice(11, 23)}] `;
}
