/** Totals of a run of tests. */
export interface Totals {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
}

/**
 * Totals from the runner's own JUnit report and exit code. No report, a report without tests, and a bad exit code
 * that no failed test explains (a file that cannot be loaded, a crash) count as one failure.
 */
export function totalsOf(report: string | undefined, exitCode: number | null): Totals {
  const head = /<testsuites\b[^>]*>/.exec(report ?? '')?.[0] ?? '';
  const read = (name: string) => Number(new RegExp(`\\b${name}="(\\d+)"`).exec(head)?.[1] ?? 0);
  const [tests, failed, skipped] = [read('tests'), read('failures') + read('errors'), read('skipped')];
  const unexplained = failed === 0 && (exitCode !== 0 || tests === 0) ? 1 : 0;
  return { passed: Math.max(0, tests - failed - skipped), failed: failed + unexplained, skipped };
}

export function addTotals(all: readonly Totals[]): Totals {
  return all.reduce(
    (sum, { passed, failed, skipped }) => ({
      passed: sum.passed + passed,
      failed: sum.failed + failed,
      skipped: sum.skipped + skipped,
    }),
    { passed: 0, failed: 0, skipped: 0 },
  );
}

/** The last line of `npm test`: `12 passed, 0 failed`, and how many were skipped if any was. */
export function totalsLine({ passed, failed, skipped }: Totals): string {
  return `${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`;
}
