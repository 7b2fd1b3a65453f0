/** Sorted copy, smallest first. */
function sorted(samples: readonly number[]): number[] {
  return [...samples].sort((a, b) => a - b);
}

/** The sample below which `share` (0 to 1) of all lie, by the nearest-rank rule. At least one sample. */
export function quantile(samples: readonly number[], share: number): number {
  const ranked = sorted(samples);
  const rank = Math.max(1, Math.ceil(share * ranked.length));
  return ranked[rank - 1] ?? Number.NaN;
}

export function median(samples: readonly number[]): number {
  const ranked = sorted(samples);
  const middle = ranked.length >> 1;
  const upper = ranked[middle] ?? Number.NaN;
  return ranked.length % 2 === 1 ? upper : ((ranked[middle - 1] ?? upper) + upper) / 2;
}

/** Smallest and largest sample. */
export function spread(samples: readonly number[]): readonly [number, number] {
  return [Math.min(...samples), Math.max(...samples)];
}

/** Slope of the least-squares line through points of x and y; at least two different x. */
export function slopeOf(points: readonly (readonly [x: number, y: number])[]): number {
  const mean = (of: (point: readonly [number, number]) => number) =>
    points.reduce((sum, point) => sum + of(point), 0) / points.length;
  const [meanX, meanY] = [mean(([x]) => x), mean(([, y]) => y)];
  const shared = mean(([x, y]) => (x - meanX) * (y - meanY));
  return shared / mean(([x]) => (x - meanX) ** 2);
}
