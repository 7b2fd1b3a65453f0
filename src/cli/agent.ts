import { AGENT_HELP, parseAgentFlags } from '../agent/agent-flags.ts';
import { receiveTask } from '../agent/control-task.ts';
import { type AgentOptions, type AgentSignals, runAgent } from '../agent/run-agent.ts';
import { describeError, EXIT } from '../lib/errors.ts';
import { createLogger, type Logger } from '../lib/log.ts';
import { systemClock } from '../platform/clock.ts';
import { childChannel } from '../platform/control-channel.ts';
import { tempFolder } from '../platform/host.ts';
import { systemRandom } from '../platform/random.ts';
import { BUILD } from '../platform/version.ts';
import { connect } from '../rpc/client.ts';
import { parseEndpoint } from '../rpc/endpoint.ts';
import { rootsFrom } from '../rpc/tls.ts';
import type { CliContext } from './context.ts';

function logOf({ stderr }: CliContext, taskId: string): Logger {
  const write = (line: string) => stderr.write(line);
  const log = createLogger({ level: 'info', format: 'text', colour: stderr.colour, write });
  return log.child({ component: 'agent', taskId });
}

async function carryOut(options: AgentOptions, context: CliContext, signals: AgentSignals): Promise<string | null> {
  const log = logOf(context, options.taskId);
  const client = connect(parseEndpoint(options.apiEndpoint), rootsFrom(context.env.SSL_CERT_FILE));
  const deps = { client, log, process: context.env, temporary: tempFolder(), clock: systemClock, random: systemRandom };
  try {
    const problem = await runAgent(options, deps, signals);
    if (problem !== null) log.error('the task could not be carried through', { reason: problem });
    return problem;
  } finally {
    client.close();
  }
}

/** The task comes over descriptor 3; when that closes, the worker is gone and the task is given up. */
async function runControlled(context: CliContext): Promise<number> {
  const channel = childChannel();
  const workerGone = new AbortController();
  const abandon = AbortSignal.any([context.hurry, workerGone.signal]);
  try {
    const options = await receiveTask(channel, () => workerGone.abort('the worker is gone'));
    const problem = await carryOut(options, context, { cancel: context.stop, abandon });
    channel.send({ type: 'done', problem });
    return EXIT.ok;
  } catch (error) {
    channel.send({ type: 'done', problem: describeError(error) });
    throw error;
  }
}

/** `pwagent agent`: 0 whenever the agent did its part, whatever became of the task; 64 for a wrong option. */
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
    default:
      await carryOut(request.options, context, { cancel: context.stop, abandon: context.hurry });
      return EXIT.ok;
  }
}
