import type { Logger } from '../lib/log.ts';
import type { Clock } from '../platform/clock.ts';
import type { Identity } from '../platform/metadata/documents.ts';
import type { Metadata } from '../platform/metadata/metadata.ts';
import type { Notice } from '../platform/metadata/notices.ts';
import type { Launch } from './launch.ts';
import type { Untimed } from './supervisor.ts';

/** Set by the pool's controller alone, after it replaced the root volume: RFC 3339. */
export const LIFE_BEGAN_TAG = 'pwagent:life-began';

/** A first start on which nothing answers for so long is no instance of EC2. */
const NONE_AFTER_MS = 60_000;

/** How often it is tried again after that: a service that answers late is one all the same. */
const LATE_POLL_MS = 60_000;

const NOTICE_POLL_MS = 30_000;

export interface CloudPorts {
  dispatch(event: Untimed): void;
  /** The instance is known. `identity` is what an armed machine needs to know of it. */
  launched(launch: Launch, identity: Identity): void;
  /** Nothing answered for `NONE_AFTER_MS`: this is no instance. Called once. */
  nobodyThere(): void;
}

export interface CloudWatchDeps {
  readonly metadata: Metadata;
  readonly clock: Clock;
  readonly log: Logger;
  readonly ports: CloudPorts;
  readonly readyTag: string;
  readonly readyPollMs: number;
  /** It is not known yet whether there is a service at all. */
  readonly mayBeNone: boolean;
  /** It was found before that there is none. */
  readonly settledNone: boolean;
  /** A life without a journal: its beginning may be in a tag. */
  readonly isNew: () => boolean;
}

/** Reads the launch of the instance, once the service tells it. */
export async function readLaunch(
  { metadata, clock, isNew }: Pick<CloudWatchDeps, 'metadata' | 'clock' | 'isNew'>,
  signal: AbortSignal,
): Promise<{ readonly launch: Launch; readonly identity: Identity } | { readonly problem: string }> {
  const answer = await metadata.identity(signal);
  if (!answer.ok) return { problem: answer.problem };
  const { instanceId, launchedAtMs } = answer.value;
  const nowMs = answer.dateMs ?? clock.wallMs();
  const began = isNew() ? await metadata.tag(LIFE_BEGAN_TAG, signal) : undefined;
  const text = began?.ok === true && began.value.present ? began.value.value : '';
  const lifeBeganMs = /^\d{4}-\d\d-\d\dT[\d:.]+Z$/.test(text) ? Date.parse(text) : Number.NaN;
  const launch = { instanceId, launchedAtMs, nowMs, lifeBeganMs: Number.isNaN(lifeBeganMs) ? null : lifeBeganMs };
  return { launch, identity: answer.value };
}

/** Asks the metadata service again and again and tells what it hears. Decides nothing. */
export class CloudWatch {
  readonly #deps: CloudWatchDeps;
  readonly #told = new Set<string>();
  #hint: string | undefined;
  #noticedMs = Number.NEGATIVE_INFINITY;
  #heardMs: number;
  #lastAnswerAt: number | null = null;

  constructor(deps: CloudWatchDeps) {
    this.#deps = deps;
    this.#heardMs = deps.clock.continuousMs();
  }

  /** Wall time of the last answer; null before the first. */
  get lastAnswerWallMs(): number | null {
    return this.#lastAnswerAt;
  }

  /** Goes on until `signal` aborts; rejects only then. `known`: the identity was read already. */
  async run(known: boolean, signal: AbortSignal): Promise<never> {
    if (!known) await this.#untilKnown(signal);
    for (;;) {
      const startedMs = this.#deps.clock.monoMs();
      await this.#readTag(signal);
      await this.#readNotices(signal);
      await this.#rest(startedMs, this.#deps.readyPollMs, signal);
    }
  }

  async #untilKnown(signal: AbortSignal): Promise<void> {
    const { clock, log, ports, readyPollMs, mayBeNone, settledNone } = this.#deps;
    const beganMs = clock.continuousMs();
    let none = settledNone;
    for (;;) {
      const startedMs = clock.monoMs();
      const read = await readLaunch(this.#deps, signal);
      signal.throwIfAborted();
      if ('launch' in read) {
        this.#heard();
        ports.launched(read.launch, read.identity);
        ports.dispatch({ tag: 'metadata-answered' });
        return;
      }
      if (!mayBeNone) this.#failed(read.problem);
      else if (!none && clock.continuousMs() - beganMs >= NONE_AFTER_MS) {
        none = true;
        log.info('no metadata service answers: this is no instance of EC2, and its age counts from this start', {
          event: 'metadata-source',
          source: 'none',
        });
        ports.nobodyThere();
      }
      await this.#rest(startedMs, none ? Math.max(LATE_POLL_MS, readyPollMs) : readyPollMs, signal);
    }
  }

  async #readTag(signal: AbortSignal): Promise<void> {
    const { metadata, ports, readyTag, log } = this.#deps;
    const answer = await metadata.tag(readyTag, signal);
    signal.throwIfAborted();
    if (!answer.ok) {
      this.#failed(answer.problem);
      return;
    }
    this.#heard();
    const { value } = answer;
    const hint = value.present ? undefined : value.hint;
    if (hint !== undefined && hint !== this.#hint) log.warn(hint, { event: 'ready-tag', tag: readyTag });
    this.#hint = hint;
    ports.dispatch({ tag: 'tag-read', value: value.present ? value.value : null });
  }

  async #readNotices(signal: AbortSignal): Promise<void> {
    const { metadata, clock } = this.#deps;
    if (clock.monoMs() - this.#noticedMs < NOTICE_POLL_MS) return;
    this.#noticedMs = clock.monoMs();
    const answer = await metadata.notices(signal);
    signal.throwIfAborted();
    if (!answer.ok) return; // the tag is read more often, and tells that the service is lost
    for (const notice of answer.value) this.#tell(notice, answer.dateMs ?? clock.wallMs());
  }

  #tell({ id, kind, text, atMs }: Notice, nowMs: number): void {
    if (this.#told.has(id)) return;
    this.#told.add(id);
    const inMs = kind === 'rebalance' ? null : atMs - nowMs; // a rebalance notice only tells when it was given
    this.#deps.ports.dispatch({ tag: 'notice', what: text, inMs });
  }

  #heard(): void {
    this.#heardMs = this.#deps.clock.continuousMs();
    this.#lastAnswerAt = this.#deps.clock.wallMs();
  }

  #failed(problem: string): void {
    const silentMs = this.#deps.clock.continuousMs() - this.#heardMs;
    this.#deps.ports.dispatch({ tag: 'metadata-failed', problem, silentMs });
  }

  async #rest(startedMs: number, everyMs: number, signal: AbortSignal): Promise<void> {
    const { clock } = this.#deps;
    await clock.sleep(Math.max(everyMs / 10, everyMs - (clock.monoMs() - startedMs)), signal);
  }
}
