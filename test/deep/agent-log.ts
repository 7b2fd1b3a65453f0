import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { peakOfLog } from '../../bench/agent-task.ts';

/** What a garbage collector may be behind by; a log that were kept would take its whole size. */
const SLACK_MIB = 200;

/** A script that prints 1 GiB: all of it comes in, and the agent is not larger for it. Throws when a promise is broken. */
export async function printGibibyte(): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'pwagent-deep-'));
  try {
    const small = await peakOfLog(folder, 32);
    const large = await peakOfLog(folder, 1_024);
    const told = `log of an agent: at most ${Math.round(small)} MiB of memory for 32 MiB, ${Math.round(large)} MiB for 1 GiB`;
    if (large > small + SLACK_MIB) throw new Error(`${told}: it grows with the log`);
    return told;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
