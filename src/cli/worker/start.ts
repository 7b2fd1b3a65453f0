import { Secret } from '../../lib/secret.ts';
import { childChannel } from '../../platform/control-channel.ts';
import { makeUndumpable } from '../../platform/privileges.ts';
import type { WorkerOptions } from '../../worker/configuration/options.ts';
import { remarksOn } from '../../worker/configuration/remarks.ts';
import { resolveWorkerOptions } from '../../worker/configuration/resolve-options.ts';
import { parseWorkerFile } from '../../worker/configuration/worker-file.ts';
import { channelLink, noLink, type WorkerLink } from '../../worker/link.ts';
import { listenToSupervisor, type Orders } from '../../worker/supervised.ts';
import type { CliContext } from '../context.ts';
import type { CommonFlags } from './common-flags.ts';
import { loadOptions } from './load-options.ts';

export interface RunFlags extends CommonFlags {
  readonly ephemeral?: boolean;
  readonly exitOnRefusal?: boolean;
}

/** What a worker starts from, whether a person or a supervisor started it. */
export interface Start {
  readonly options: WorkerOptions;
  /** Sentences for whoever reads the log. */
  readonly warnings: readonly string[];
  readonly passEnvironment: readonly string[];
  readonly link: WorkerLink;
  readonly orders: Orders | undefined;
}

/** By hand, or by a service manager: flags, environment and file. Throws `AppError`. */
export function startByHand(flags: RunFlags, { env }: CliContext): Start {
  makeUndumpable(); // before the token is in memory: tasks run as this very user
  const { ephemeral, exitOnRefusal } = flags;
  const { options, warnings } = loadOptions(flags, env, { ephemeral, exitOnRefusal });
  return { options, warnings, passEnvironment: [], link: noLink, orders: undefined };
}

/** By a supervisor, which hands everything over by descriptor. Rejects with an `AppError`. */
export async function startSupervised({ env }: CliContext): Promise<Start> {
  makeUndumpable();
  const channel = childChannel();
  const orders = listenToSupervisor(channel);
  const { name, configFile, configText, token, passEnvironment } = await orders.setup;
  const given = token === null ? undefined : { value: new Secret(token), from: "the supervisor's worker.token-file" };
  const file = parseWorkerFile(configText, configFile, env);
  const options = resolveWorkerOptions(file, { token: given }, name);
  return { options, warnings: remarksOn(configText), passEnvironment, link: channelLink(channel), orders };
}
