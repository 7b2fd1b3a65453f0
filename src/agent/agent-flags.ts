import { AppError } from '../lib/errors.ts';
import { nearest } from '../lib/nearest.ts';
import type { AgentOptions } from './run-agent.ts';

/** What the command line asks for. */
export type AgentRequest =
  | { readonly tag: 'help' }
  | { readonly tag: 'version' }
  /** The task comes over the control channel. */
  | { readonly tag: 'control' }
  /** Only tell the server that the machine is being stopped. */
  | { readonly tag: 'stop-hook'; readonly options: AgentOptions }
  | { readonly tag: 'task'; readonly options: AgentOptions };

/** Existing launchers speak to the hosted service's address when they name none. */
const DEFAULT_ENDPOINT = 'https://grpc.cirrus-ci.com:443';

const TEXT_FLAGS = [
  'api-endpoint',
  'task-id',
  'client-token',
  'server-token',
  'command-from',
  'command-to',
  'pre-created-working-dir',
] as const;
const SWITCHES = ['control', 'stop-hook', 'version', 'help', 'h'] as const;

type TextFlag = (typeof TEXT_FLAGS)[number];
type Switch = (typeof SWITCHES)[number];

interface Parsed {
  readonly texts: Partial<Record<TextFlag, string>>;
  readonly switches: Set<Switch>;
}

function unknownFlag(word: string, name: string): AppError {
  const guess = nearest(name, [...TEXT_FLAGS, ...SWITCHES]);
  const hint = guess === undefined ? 'see pwagent agent -help' : `did you mean -${guess}?`;
  return new AppError('USAGE', `unknown option ${word}`, { hint });
}

function takeSwitch(name: Switch, value: string | undefined, switches: Set<Switch>): void {
  if (value === undefined || /^(?:1|t|true)$/i.test(value)) switches.add(name);
  else if (/^(?:0|f|false)$/i.test(value)) switches.delete(name);
  else throw new AppError('USAGE', `-${name} is "${value}"`, { hint: `write -${name}, or -${name}=false` });
}

/** Go's flag syntax: one or two dashes, `-name value` or `-name=value`, switches take a value only with `=`. */
function parseFlags(args: readonly string[]): Parsed {
  const texts: Partial<Record<TextFlag, string>> = {};
  const switches = new Set<Switch>();
  for (let at = 0; at < args.length; at += 1) {
    const word = args[at] ?? '';
    if (!word.startsWith('-') || word === '-' || word === '--') break; // the rest is none of our flags
    const [, name = '', value] = /^--?([^=]*)(?:=(.*))?$/s.exec(word) ?? [];
    const text = TEXT_FLAGS.find((flag) => flag === name);
    const switched = SWITCHES.find((flag) => flag === name);
    if (switched !== undefined) {
      takeSwitch(switched, value, switches);
    } else if (text !== undefined) {
      at += value === undefined ? 1 : 0;
      const given = value ?? args[at];
      if (given === undefined)
        throw new AppError('USAGE', `-${name} needs a value`, { hint: 'see pwagent agent -help' });
      texts[text] = given;
    } else {
      throw unknownFlag(word.replace(/=.*/s, ''), name);
    }
  }
  return { texts, switches };
}

/** Reads the words after `pwagent agent`. Throws `AppError` (USAGE). */
export function parseAgentFlags(args: readonly string[]): AgentRequest {
  const { texts, switches } = parseFlags(args);
  if (switches.has('help') || switches.has('h')) return { tag: 'help' };
  if (switches.has('version')) return { tag: 'version' };
  if (switches.has('control')) return { tag: 'control' };
  const taskId = texts['task-id'];
  if (taskId === undefined || taskId === '') {
    const hint = 'give -task-id and the tokens, or let the worker start the agent; see pwagent agent -help';
    throw new AppError('USAGE', 'there is no task to run', { hint });
  }
  return {
    tag: switches.has('stop-hook') ? 'stop-hook' : 'task',
    options: {
      apiEndpoint: texts['api-endpoint'] ?? DEFAULT_ENDPOINT,
      taskId,
      serverToken: texts['server-token'] ?? '',
      clientToken: texts['client-token'] ?? '',
      commandFrom: texts['command-from'] ?? '',
      commandTo: texts['command-to'] ?? '',
      workingDirectory: texts['pre-created-working-dir'],
    },
  };
}

export const AGENT_HELP = `Usage: pwagent agent --control
       pwagent agent -task-id ID -client-token SECRET -server-token SECRET [OPTIONS]

Run one task: ask the hub for its commands, carry them out here, report. The worker starts this.

Options (one or two dashes):
  -control                      take the task over descriptor 3, so that no secret is on a command line
  -api-endpoint ADDRESS         hub to speak to (default ${DEFAULT_ENDPOINT})
  -task-id ID                   task to run
  -client-token SECRET          proves this agent to the hub
  -server-token SECRET          proves the hub to this agent
  -command-from NAME            first command to run
  -command-to NAME              command to stop before
  -pre-created-working-dir DIR  folder to work in, unless the task names one
  -stop-hook                    only tell the hub that this machine is being stopped
  -version                      print version and commit
  -help                         show this help

Signals: TERM or INT cancels the task, its clean-up steps still run; the second one ends everything at once.

The exit code is 0 for every task that was carried through, whatever its result; 64 for a wrong option; 69 when the hub
could not be reached, refused the task or did not take its reports; 70 for a bug in pwagent; 78 when the task could not
be prepared on this machine.

Examples:
  $ pwagent agent -api-endpoint http://127.0.0.1:7481 -task-id 7 -client-token C -server-token S
`;
