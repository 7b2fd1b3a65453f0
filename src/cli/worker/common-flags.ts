import type { Command } from 'commander';
import type { Amounts } from '../../lib/amounts.ts';
import { AppError } from '../../lib/errors.ts';
import { Secret } from '../../lib/secret.ts';
import type { Environment } from '../../platform/environment.ts';
import { readSecretFile, readSecretInput } from '../../platform/text-file.ts';
import type { Given, Settings } from '../../worker/configuration/settings.ts';
import { collectAmounts, collectLabels } from '../../worker/flags.ts';

/** The flags that every command about a worker takes. */
export interface CommonFlags {
  readonly file?: string;
  readonly name?: string;
  readonly tokenFile?: string;
  readonly token?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly resources?: Amounts;
  readonly rpcEndpoint?: string;
  readonly debug?: boolean;
}

export function addCommonFlags(command: Command): Command {
  return command
    .option('-f, --file <path>', 'YAML configuration, see docs/configuration.md')
    .option('--name <name>', 'name of this worker, unique in its pool (default: the host name)')
    .option('--token-file <path>', 'file that holds the registration token of the pool; - is standard input')
    .option('--token <token>', 'the token itself; other users of this machine can see it, so prefer --token-file')
    .option('--labels <key=value>', 'labels for scheduling, repeatable or comma-separated', collectLabels)
    .option('--resources <key=number>', 'resources for scheduling, repeatable or comma-separated', collectAmounts)
    .option('--rpc-endpoint <url>', 'the hub, http://host:port or https://host:port (default: http://127.0.0.1:7481)')
    .option('--debug', 'log at level debug');
}

function given<T>(value: T | undefined, from: string): Given<T> | undefined {
  return value === undefined ? undefined : { value, from };
}

/** A variable that is empty counts as not set. */
function variable(env: Environment, name: string): string | undefined {
  return env[name]?.trim() || undefined;
}

function tokenOf({ tokenFile, token }: CommonFlags): Given<Secret> | undefined {
  if (tokenFile !== undefined && token !== undefined)
    throw new AppError('USAGE', '--token and --token-file exclude each other', { hint: 'give --token-file alone' });
  if (tokenFile === '-') return given(new Secret(readSecretInput('the registration token')), '--token-file');
  if (tokenFile !== undefined) return given(new Secret(readSecretFile(tokenFile, 'token file')), '--token-file');
  return token === undefined || token === '' ? undefined : given(new Secret(token), '--token');
}

export function settingsOfFlags(flags: CommonFlags): Settings {
  return {
    name: given(flags.name, '--name'),
    token: tokenOf(flags),
    labels: given(flags.labels, '--labels'),
    resources: given(flags.resources, '--resources'),
    rpcEndpoint: given(flags.rpcEndpoint || undefined, '--rpc-endpoint'),
    logLevel: given(flags.debug ? 'debug' : undefined, '--debug'),
  };
}

export function settingsOfEnvironment(env: Environment): Settings {
  const token = variable(env, 'PWAGENT_TOKEN');
  return {
    name: given(variable(env, 'PWAGENT_NAME'), 'PWAGENT_NAME'),
    token: given(token === undefined ? undefined : new Secret(token), 'PWAGENT_TOKEN'),
    rpcEndpoint: given(variable(env, 'PWAGENT_RPC_ENDPOINT'), 'PWAGENT_RPC_ENDPOINT'),
  };
}
