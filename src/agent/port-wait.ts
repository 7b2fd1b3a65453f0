import type { Logger } from '../lib/log.ts';
import type { Clock } from '../platform/clock.ts';
import { probeTcp } from '../platform/tcp-probe.ts';

/** Facts of the protocol: one try, the pause between tries, and the patience with a port; specification of the agent, 2.6. */
const TRY_MS = 10_000;
const PAUSE_MS = 1_000;
const PATIENCE_MS = 60_000;

/** The ports that `CIRRUS_PORTS_WAIT_FOR` names; what is no port is left out. */
export function portsOf(setting: string | undefined): readonly number[] {
  const numbers = (setting ?? '').split(',').map((word) => (/^\s*\d{1,5}\s*$/.test(word) ? Number(word) : 0));
  return numbers.filter((port) => port > 0 && port <= 65_535);
}

async function isOpenInTime(port: number, clock: Clock, signal: AbortSignal): Promise<boolean> {
  const endMs = clock.monoMs() + PATIENCE_MS;
  while (!signal.aborted && clock.monoMs() < endMs) {
    if ((await probeTcp({ host: 'localhost', port }, TRY_MS, clock, signal)) === undefined) return true;
    await clock.sleep(PAUSE_MS, signal).catch(() => {}); // the loop looks at the signal itself
  }
  return false;
}

/** Waits for local ports, one after the other, a minute for each. Resolves with those that nobody opened (R8); never rejects. */
export async function waitForPorts(
  ports: readonly number[],
  { clock, log }: { readonly clock: Clock; readonly log: Logger },
  signal: AbortSignal,
): Promise<readonly number[]> {
  const closed: number[] = [];
  for (const port of ports) {
    if (await isOpenInTime(port, clock, signal)) log.info('port is open', { port });
    else closed.push(port);
  }
  return closed;
}
