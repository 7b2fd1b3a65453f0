import { AGENT_HELP, parseAgentFlags } from '../agent/agent-flags.ts';
import type { AgentSignals } from '../agent/carry-out.ts';
import { type ControlledTask, receiveTask } from '../agent/control-task.ts';
import { OwnLog } from '../agent/own-log.ts';
import { readText } from '../agent/resources/cgroup.ts';
import { loadSources } from '../agent/resources/load-sources.ts';
import { type AgentOptions, type AgentResult, runAgent } from '../agent/run-agent.ts';
import { SecretSet } from '../agent/secret-set.ts';
import { createTaskApi } from '../agent/task-api.ts';
import { describeError, EXIT } from '../lib/errors.ts';
import { systemClock } from '../platform/clock.ts';
import { childChannel } from '../platform/control-channel.ts';
import { tempFolder } from '../platform/host.ts';
import { systemRandom } from '../platform/random.ts';
import { watchPanics, watchSignals } from '../platform/signals.ts';
import { BUILD } from '../platform/version.ts';
import { connect } from '../rpc/client.ts';
import { parseEndpoint } from '../rpc/endpoint.ts';
import { rootsFrom } from '../rpc/tls.ts';
import type { CliContext } from './context.ts';

/** Time for the one call of a machine that is being stopped. */
const STOP_HOOK_MS = 30_000;

/** A first INT or TERM cancels the task, a second one gives it up. */
function listenForCancel(): { readonly signals: AgentSignals; readonly giveUp: () => void; readonly end: () => void } {
  const cancel = new AbortController();
  const abandon = new AbortController();
  const orphaned = new AbortController();
  const end = watchSignals((name) => {
    if (name === 'SIGINT' || name === 'SIGTERM') (cancel.signal.aborted ? abandon : cancel).abort(name);
  });
  const signals = { cancel: cancel.signal, abandon: abandon.signal, orphaned: orphaned.signal };
  const giveUp = () => {
    orphaned.abort();
    abandon.abort('the worker is gone');
  };
  return { signals, giveUp, end };
}

/** Where a task is done; what is not told is this process's own. */
type Place = Omit<ControlledTask, 'options'>;

async function carryOut(
  options: AgentOptions,
  context: CliContext,
  signals: AgentSignals,
  { privateDirectory: temporary = tempFolder(), environment: env = context.env }: Partial<Place> = {},
): Promise<AgentResult> {
  const { stdout, stderr } = context;
  const secrets = new SecretSet();
  const own = new OwnLog(secrets, { colour: stderr.colour, write: (line) => stderr.write(line) });
  const log = own.logger.child({ component: 'agent', taskId: options.taskId });
  const dial = (endpoint: string) => connect(parseEndpoint(endpoint), rootsFrom(env.SSL_CERT_FILE));
  const client = dial(options.apiEndpoint);
  const deps = {
    client,
    dial,
    log,
    ownLog: () => own.text(),
    secrets,
    process: env,
    loadSources: loadSources(readText),
    temporary,
    clock: systemClock,
    random: systemRandom,
    expose: (text: string) => stdout.write(text),
    watch: (listeners: { onSignal: (name: string) => void; onPanic: (error: unknown) => void }) => {
      const ends = [watchSignals(listeners.onSignal), watchPanics(listeners.onPanic)];
      return () => {
        for (const end of ends) end();
      };
    },
  };
  try {
    const result = await runAgent(options, deps, signals);
    if (result.problem !== null) log.error('the task could not be carried through', { reason: result.problem });
    return result;
  } finally {
    client.close();
  }
}

/** The task comes over descriptor 3; when that closes, the worker is gone and the task is given up. */
async function runControlled(context: CliContext): Promise<number> {
  const channel = childChannel();
  const { signals, giveUp, end } = listenForCancel();
  try {
    const { options, ...place } = await receiveTask(channel, giveUp);
    const { problem, exitCode } = await carryOut(options, context, signals, place);
    channel.send({ type: 'done', problem });
    return exitCode;
  } catch (error) {
    channel.send({ type: 'done', problem: describeError(error) });
    throw error;
  } finally {
    end();
  }
}

async function runTask(options: AgentOptions, context: CliContext): Promise<number> {
  const { signals, end } = listenForCancel();
  try {
    return (await carryOut(options, context, signals)).exitCode;
  } finally {
    end();
  }
}

async function tellStop(options: AgentOptions, { env, stderr, stop }: CliContext): Promise<number> {
  const client = connect(parseEndpoint(options.apiEndpoint), rootsFrom(env.SSL_CERT_FILE));
  const late = new AbortController();
  const cancel = systemClock.after(STOP_HOOK_MS, () => late.abort());
  try {
    await createTaskApi(client, options).reportStopHook(AbortSignal.any([stop, late.signal]));
    return EXIT.ok;
  } catch (error) {
    stderr.write(`pwagent: the hub was not told that this machine stops: ${describeError(error)}\n`);
    return EXIT.unavailable;
  } finally {
    cancel();
    client.close();
  }
}

/** `pwagent agent`: 0 whenever the agent did its part, whatever became of the task; else see its help. */
export async function run(args: readonly string[], context: CliContext): Promise<number> {
  const request = parseAgentFlags(args);
  switch (request.tag) {
    case 'help':
      context.stdout.write(AGENT_HELP);
      return EXIT.ok;
    case 'version':
      context.stdout.write(`${BUILD.version}-${BUILD.commit}\n`);
      return EXIT.ok;
    case 'control':
      return runControlled(context);
    case 'stop-hook':
      return tellStop(request.options, context);
    default:
      return runTask(request.options, context);
  }
}
