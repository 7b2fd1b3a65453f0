/** Finds the 1-based line and column of an offset; columns count UTF-16 units, as editors do. */
export function createLineIndex(text: string): (at: number) => { line: number; column: number } {
  const starts = [0];
  for (let end = text.indexOf('\n'); end >= 0; end = text.indexOf('\n', end + 1)) starts.push(end + 1);

  return (at) => {
    let [low, high] = [0, starts.length];
    while (high - low > 1) {
      const middle = (low + high) >>> 1;
      if ((starts[middle] ?? 0) <= at) low = middle;
      else high = middle;
    }
    return { line: low + 1, column: Math.min(at, text.length) - (starts[low] ?? 0) + 1 };
  };
}
