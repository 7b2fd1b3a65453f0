const NEWLINE = 0x0a;

/**
 * Puts a time in front of every line of a stream (specification of the agent, 8.4). A prefix is owed at the start and
 * after each newline, and written only when more bytes come, so none dangles at the end. `stamp` gives the prefix.
 */
export function timestampFilter(stamp: () => string): (chunk: Uint8Array) => Uint8Array {
  let owed = true;
  return (chunk) => {
    const parts: Uint8Array[] = [];
    for (let at = 0; at < chunk.length; ) {
      if (owed) parts.push(new TextEncoder().encode(stamp()));
      const newline = chunk.indexOf(NEWLINE, at);
      owed = newline >= 0;
      const end = owed ? newline + 1 : chunk.length;
      parts.push(chunk.subarray(at, end));
      at = end;
    }
    return Buffer.concat(parts);
  };
}

/** `[HH:MM:SS.mmm] ` in local time. `offsetMinutes` is what local time is ahead of UTC. */
export function clockPrefix(wallMs: number, offsetMinutes: number): string {
  return `[${new Date(wallMs + offsetMinutes * 60_000).toISOString().slice(11, 23)}] `;
}
