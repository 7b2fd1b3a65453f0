import { z } from 'zod';
import { parseGmtDate } from '../../lib/gmt-date.ts';
import { printable } from '../../lib/printable.ts';
import { type Parsed, parseJson } from './documents.ts';

/** EC2 says that it will do something to this machine. */
export interface Notice {
  readonly kind: 'maintenance' | 'spot' | 'rebalance';
  /** When it happens, by the clock of EC2. `rebalance` has no such time: there it is when the notice was given. */
  readonly atMs: number;
  /** The same for the same notice at each reading. */
  readonly id: string;
  /** For people. */
  readonly text: string;
}

const word = z.string().transform((text) => printable(text, 200));

/** Like `21 Jan 2019 09:00:43 GMT`. */
const gmtDate = z.string().transform((text, context) => {
  const ms = parseGmtDate(text);
  if (ms !== undefined) return ms;
  context.addIssue({ code: 'custom', message: 'is no date such as 21 Jan 2019 09:00:43 GMT' });
  return z.NEVER;
});

const maintenanceEntry = z.object({
  Code: word,
  EventId: word,
  NotBefore: gmtDate,
  NotAfter: z.string().optional(),
  State: word.default('active'),
  Description: word.default(''),
});

const spotAction = z.object({ action: word, time: z.iso.datetime({ error: 'is no time' }) });
const rebalance = z.object({ noticeTime: z.iso.datetime({ error: 'is no time' }) });

/** States of an event that will not happen any more; one that is not known counts as going to happen. */
const OVER = new Set(['completed', 'canceled', 'cancelled']);

/**
 * `/latest/meta-data/events/maintenance/scheduled`: what is still to come. An entry that cannot be read is left out when
 * others can be; when none can, the whole is a failure.
 */
export function parseMaintenance(text: string): Parsed<Notice[]> {
  const list = parseJson(text, z.array(z.unknown()));
  if (!list.ok) return list;
  const entries = list.value.map((entry) => parseJson(JSON.stringify(entry), maintenanceEntry));
  const readable = entries.filter((entry) => entry.ok).map(({ value }) => value);
  const broken = entries.find((entry) => !entry.ok);
  if (broken !== undefined && readable.length === 0) return broken;
  const notices = readable
    .filter(({ State }) => !OVER.has(State.toLowerCase()))
    .map(({ Code, EventId, NotBefore, Description }): Notice => {
      const told = Description === '' ? Code : `${Code} (${Description})`;
      return { kind: 'maintenance', atMs: NotBefore, id: EventId, text: `EC2 has scheduled ${told}` };
    });
  return { ok: true, value: notices };
}

/** `/latest/meta-data/spot/instance-action`. */
export function parseSpotAction(text: string): Parsed<Notice[]> {
  const parsed = parseJson(text, spotAction);
  if (!parsed.ok) return parsed;
  const { action, time } = parsed.value;
  const what = { kind: 'spot', atMs: Date.parse(time), id: `spot-${action}-${time}` } as const;
  return { ok: true, value: [{ ...what, text: `EC2 takes this spot instance back: ${action}` }] };
}

/** `/latest/meta-data/events/recommendations/rebalance`. */
export function parseRebalance(text: string): Parsed<Notice[]> {
  const parsed = parseJson(text, rebalance);
  if (!parsed.ok) return parsed;
  const { noticeTime } = parsed.value;
  const what = { kind: 'rebalance', atMs: Date.parse(noticeTime), id: `rebalance-${noticeTime}` } as const;
  return { ok: true, value: [{ ...what, text: 'EC2 may soon take this spot instance back' }] };
}
