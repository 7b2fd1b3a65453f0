import type { MessageInitShape } from '@bufbuild/protobuf';
import { describeError } from '../../lib/errors.ts';
import type { Clock } from '../../platform/clock.ts';
import type { MachineLoad } from '../../platform/machine-load.ts';
import type { ResourceUtilizationSchema } from '../../rpc/gen/cirrus_ci_service_pb.ts';

/** Something whose use can be measured. */
export interface LoadSource extends MachineLoad {
  /** For people: `control group`, `machine`. */
  readonly name: string;
  readonly cpus: number;
  readonly totalMemoryBytes: number;
}

export type Utilization = MessageInitShape<typeof ResourceUtilizationSchema>;

/** A look each second; a point for each in the first minute, then one for ten, the highest of them (R12). */
const LOOK_MS = 1_000;
const DENSE_S = 60;
const SPARSE_S = 10;

interface Point {
  readonly secondsFromStart: number;
  readonly value: number;
}

/** One curve, thinned out with time so that no peak is lost. */
class Curve {
  readonly points: Point[] = [];
  #highest: Point | undefined;

  add(secondsFromStart: number, value: number): void {
    const point = { secondsFromStart, value };
    if (this.#highest === undefined || value > this.#highest.value) this.#highest = point;
    if (secondsFromStart <= DENSE_S || secondsFromStart % SPARSE_S === 0) this.close();
  }

  /** Ends the present interval. */
  close(): void {
    if (this.#highest !== undefined) this.points.push(this.#highest);
    this.#highest = undefined;
  }
}

/** Watches what a task uses of its machine or control group. */
export class ResourceMeter {
  readonly #cpu = new Curve();
  readonly #memory = new Curve();
  readonly #problems = new Set<string>();
  #source = 0;

  /** `sources` in order of preference: when one fails, the next takes its place. */
  constructor(
    private readonly sources: readonly LoadSource[],
    private readonly clock: Clock,
  ) {}

  /** Looks each second until `signal` aborts; resolves then, and never rejects. */
  async run(signal: AbortSignal): Promise<void> {
    const startMs = this.clock.monoMs();
    let before = this.#look();
    for (let second = 1; before !== undefined; second += 1) {
      const waitMs = startMs + second * LOOK_MS - this.clock.monoMs();
      await this.clock.sleep(Math.max(0, waitMs), signal).catch(() => {}); // looked at in the next line
      if (signal.aborted) break;
      const now = this.#look();
      if (now !== undefined) this.#note(second, before, now);
      before = now;
    }
    this.#cpu.close();
    this.#memory.close();
  }

  #note(second: number, before: Look, now: Look): void {
    const source = this.sources[now.source];
    if (source === undefined) return;
    this.#memory.add(second, now.memoryBytes);
    if (now.source !== before.source || now.atMs <= before.atMs) return; // no difference between two different clocks
    const used = (now.cpuSeconds - before.cpuSeconds) / ((now.atMs - before.atMs) / 1_000);
    this.#cpu.add(second, Math.min(Math.max(0, used), source.cpus));
  }

  /** Undefined when there is nothing left that could be looked at. */
  #look(): Look | undefined {
    for (; this.#source < this.sources.length; this.#source += 1) {
      const source = this.sources[this.#source];
      if (source === undefined) continue;
      try {
        const [cpuSeconds, memoryBytes] = [source.cpuSeconds(), source.memoryBytes()];
        if (!Number.isFinite(cpuSeconds + memoryBytes)) throw new RangeError('the system gave no number');
        return { source: this.#source, atMs: this.clock.monoMs(), cpuSeconds, memoryBytes };
      } catch (error) {
        const next = this.sources[this.#source + 1]?.name;
        const instead = next === undefined ? 'nothing is measured' : `the ${next} is measured instead`;
        this.#problems.add(`the use of the ${source.name} cannot be read: ${describeError(error)}; ${instead}`);
      }
    }
    return undefined;
  }

  /** What went wrong, each once. */
  get problems(): readonly string[] {
    return [...this.#problems];
  }

  /** Both curves with the totals of what was measured; undefined when nothing could be. */
  get utilization(): Utilization | undefined {
    const source = this.sources[this.#source];
    if (source === undefined) return undefined;
    return {
      cpuChart: this.#cpu.points,
      memoryChart: this.#memory.points,
      cpuTotal: source.cpus,
      memoryTotal: source.totalMemoryBytes,
    };
  }
}

interface Look {
  readonly source: number;
  readonly atMs: number;
  readonly cpuSeconds: number;
  readonly memoryBytes: number;
}
