import { parseDocument } from 'yaml';
import { AppError, describeError } from '../lib/errors.ts';
import type { Logger } from '../lib/log.ts';
import { Secret } from '../lib/secret.ts';
import { type Answer, exchange, type Fetch, failure, withinTime } from '../platform/bounded-request.ts';
import type { Clock } from '../platform/clock.ts';
import { readSecretFile } from '../platform/text-file.ts';
import type { AuditResult } from './audit/facts.ts';
import type { StatusAnswer } from './status-report.ts';

/** A report must never be in the way of the machine's end. */
const LIMIT_MS = 5_000;
/** So often a hub hears of a machine on which nothing changes; ages and deadlines there are never older. */
const REPEAT_MS = 60_000;

export interface Standing {
  readonly answer: StatusAnswer;
  readonly finishedTasks: number;
  /** What the last audit found. */
  readonly audit: AuditResult | null;
}

export interface HubReportParts {
  /** Origin of the hub, without a slash at its end. */
  readonly url: string;
  readonly token: Secret;
  /** Name of the worker on this machine. */
  readonly name: string;
  /** How the machine stands now; undefined before that is known. */
  readonly read: () => Standing | undefined;
  readonly fetch: Fetch;
  readonly clock: Clock;
  readonly log: Logger;
}

/** What the hub is told: `PUT /api/v1/workers/NAME/supervisor`. */
export function hubReport({ answer, finishedTasks, audit }: Standing) {
  const { phase, reason, ageSeconds, deadlines } = answer.status;
  return {
    phase,
    reason,
    ageSeconds,
    deadlines: deadlines.map(({ rule, dueAt, suspended }) => ({ rule, dueAt, suspended })),
    endReason: phase === 'stopping' || phase === 'halted' ? reason : null,
    finishedTasks,
    verdict: audit === null ? null : { verdict: audit.verdict, reasons: audit.reasons },
  };
}

/**
 * Tells the hub how this machine stands, after each decision and once a minute, so that the reason of its end is known
 * when the machine is gone. One report is under way at a time; what changes meanwhile goes with the next.
 */
export class HubReporter {
  #stale = false;
  #busy = false;
  #failed = false;
  #cancel = () => {};

  constructor(
    private readonly parts: HubReportParts,
    private readonly leave: AbortSignal,
  ) {
    leave.addEventListener('abort', () => this.#cancel(), { once: true });
  }

  /** Something has changed. */
  tell(): void {
    this.#stale = true;
    if (!this.#busy && !this.leave.aborted) void this.#send();
  }

  async #send(): Promise<void> {
    this.#busy = true;
    this.#cancel();
    while (this.#stale && !this.leave.aborted) {
      this.#stale = false;
      const standing = this.parts.read();
      if (standing !== undefined) this.#note(await this.#put(standing));
    }
    this.#busy = false;
    if (!this.leave.aborted) this.#cancel = this.parts.clock.after(REPEAT_MS, () => this.tell());
  }

  #put(standing: Standing) {
    const { url, token, name, fetch, clock } = this.parts;
    const request = {
      method: 'PUT',
      url: `${url}/api/v1/workers/${encodeURIComponent(name)}/supervisor`,
      headers: { authorization: `Bearer ${token.reveal()}`, 'content-type': 'application/json' },
      body: JSON.stringify(hubReport(standing)),
      direct: false,
    } as const;
    return withinTime(
      LIMIT_MS,
      clock,
      async (signal) => {
        const reply = await exchange(request, fetch, signal);
        if (!reply.ok || reply.value.status < 300) return reply;
        return failure(`the hub answered ${reply.value.status}`);
      },
      this.leave,
    );
  }

  /** One line when reports begin to fail, one when they get through again. */
  #note(answer: Answer<unknown>): void {
    const { log } = this.parts;
    if (!answer.ok && !this.#failed)
      log.warn('the hub cannot be told', { event: 'hub-report', reason: answer.problem });
    if (answer.ok && this.#failed) log.info('the hub is told again', { event: 'hub-report' });
    this.#failed = !answer.ok;
  }
}

/**
 * The name under which the worker registers: its own configuration may say another than the supervisor's. A text that is
 * no YAML is the worker's to complain about.
 */
export function workerNameIn(configText: string, fallback: string): string {
  const document = parseDocument(configText, { logLevel: 'silent' });
  const name: unknown = document.errors.length > 0 ? undefined : document.get('name');
  return typeof name === 'string' && name !== '' ? name : typeof name === 'number' ? String(name) : fallback;
}

/** `workerNameIn` for what the worker is going to be handed; a configuration that cannot be read names nobody. */
export function nameOfWorker(setup: (() => { readonly configText: string }) | undefined, fallback: string): string {
  try {
    return workerNameIn(setup?.().configText ?? '', fallback);
  } catch (error) {
    if (error instanceof AppError) return fallback;
    throw error;
  }
}

/** A reporter for the hub of the configuration; undefined without one, and where its token cannot be read (which is said). */
export function openHubReports(
  hub: { readonly url: string; readonly tokenFile: string } | undefined,
  parts: Omit<HubReportParts, 'url' | 'token'>,
  leave: AbortSignal,
): HubReporter | undefined {
  if (hub === undefined) return undefined;
  try {
    const token = new Secret(readSecretFile(hub.tokenFile, 'hub.token-file'));
    return new HubReporter({ ...parts, url: hub.url, token }, leave);
  } catch (error) {
    parts.log.warn('nothing is reported to the hub', { event: 'hub-report', reason: describeError(error) });
    return undefined;
  }
}
