import type { Amounts } from '../lib/amounts.ts';
import type { PollResponse_AgentAwareTask } from '../rpc/gen/cirrus_ci_service_pb.ts';
import type { WorkerRecord } from './store/workers.ts';

/** A poll that is being held open. */
export interface HeldPoll {
  /** Ends the wait; the poll is answered with what there is. */
  readonly release: () => void;
}

/** What the hub knows of a worker beyond what is stored. */
export interface Member {
  record: WorkerRecord;
  /** Names its one valid session, once it has polled in it. */
  session: string | undefined;
  /** Heard of in this life of the hub. */
  seen: boolean;
  /** Monotonic time at which it counts as silent unless it is heard of before. */
  aliveUntilMs: number;
  lastSeenMs: number;
  /** Monotonic time at which this hub last heard of it. */
  heardMs: number;
  poll: HeldPoll | undefined;
  /** Tasks placed on it that no answer has taken along yet. */
  undelivered: PollResponse_AgentAwareTask[];
  /** Resources it uses for other hubs. */
  foreign: Amounts;
  missedSince: ReadonlyMap<number, number>;
  /** What holds a place on it, as last read or placed: a copy, to choose by. Undefined when it has to be read again. */
  running: readonly Amounts[] | undefined;
  /** What runs there although it was given up: it takes up room until the worker has stopped it. */
  ghosts: readonly Amounts[];
  /** Isolation of the instance it keeps warm; empty for none. */
  standby: string;
  /** Tasks it was told to stop already, so that the same demand does not answer poll after poll at once. */
  readonly told: Set<string>;
}
