import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { type PollResponse, PollResponseSchema } from '../../src/rpc/gen/cirrus_ci_service_pb.ts';
import type { RpcError } from '../../src/rpc/rpc-error.ts';
import type { TaskKey } from '../../src/worker/task-identity.ts';
import type { PollState, Upstream } from '../../src/worker/upstream.ts';
import { FakeClock } from './fake-clock.ts';

export type Answer = MessageInitShape<typeof PollResponseSchema> | Error | 'hold';

/** An upstream without a wire that answers from scripts on a fake clock, and notes what it was asked, with the time. */
export class ScriptedUpstream implements Upstream {
  readonly clock = new FakeClock();
  readonly calls: string[] = [];
  session = 0;
  registered = false;
  pauseError: RpcError | undefined;
  /** Errors of calls about tasks, one each; undefined lets the call through. */
  readonly taskErrors: (RpcError | undefined)[] = [];

  constructor(
    private readonly answers: Answer[] = [],
    private readonly registrations: (RpcError | undefined)[] = [],
  ) {}

  #note(what: string): void {
    this.calls.push(`${this.clock.monoMs()} ${what}`);
  }

  forget(): void {
    this.registered = false;
  }

  async register(): Promise<void> {
    this.#note('register');
    const refusal = this.registrations.shift();
    if (refusal !== undefined) throw refusal;
    this.registered = true;
    this.session += 1;
  }

  async poll(_state: PollState, signal: AbortSignal): Promise<PollResponse> {
    this.#note('poll');
    const answer = this.answers.shift() ?? 'hold';
    if (answer instanceof Error) throw answer;
    if (answer === 'hold') await this.clock.sleep(20_000, signal);
    return create(PollResponseSchema, { pollIntervalInSeconds: 10, ...(answer === 'hold' ? {} : answer) });
  }

  async setDisabled(disabled: boolean): Promise<void> {
    this.#note(disabled ? 'disable' : 'enable');
    if (this.pauseError !== undefined) throw this.pauseError;
  }

  async #taskCall(what: string): Promise<void> {
    this.#note(what);
    const error = this.taskErrors.shift();
    if (error !== undefined) throw error;
  }

  taskStarted = ({ id }: TaskKey) => this.#taskCall(`started ${id}`);
  taskFailed = ({ id }: TaskKey, message: string) => this.#taskCall(`failed ${id}: ${message}`);
  taskStopped = ({ id }: TaskKey) => this.#taskCall(`stopped ${id}`);
}
