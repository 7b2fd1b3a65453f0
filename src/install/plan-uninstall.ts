import { PATHS } from './paths.ts';
import { requireRoot } from './require-root.ts';
import type { Seen } from './seen.ts';
import { type Platform, servicesOf } from './services.ts';
import type { Plan, Step } from './step.ts';
import { seenAt } from './want.ts';

export interface UninstallFacts {
  readonly platform: Platform;
  readonly root: string;
  readonly uid: number;
  readonly seen: ReadonlyMap<string, Seen>;
  readonly loaded: { readonly deadline: boolean; readonly supervisor: boolean };
  /** Programs that take away what `run` set in the packet filter; empty where there is nothing. */
  readonly filter: readonly (readonly string[])[];
}

/** What installation wrote and uninstallation takes away; configuration, token, journal and account stay. */
const OURS = [PATHS.binary, PATHS.deadline, PATHS.libexec, PATHS.marker, PATHS.socket];
const KEPT = [PATHS.config, PATHS.worker, PATHS.token, PATHS.state];

/** Every path that the plan asks about. */
export function pathsToRemove(platform: Platform): string[] {
  const services = servicesOf(platform).flatMap(({ file, link }) => [file, ...(link === undefined ? [] : [link.path])]);
  return [...OURS, ...KEPT, ...services];
}

/** What takes pwagent off this machine. Throws `AppError` (NO_PERMISSION) without root. */
export function planUninstall({ platform, root, uid, seen, loaded, filter }: UninstallFacts): Plan {
  requireRoot({ root, uid }, 'uninstall');
  const there = (path: string) => seenAt(seen, path).kind !== 'absent';
  const steps: Step[] = [];
  // The supervisor ends first: the deadline holds for as long as anything of ours is left.
  for (const { role, file, link, unload, endsLater } of [...servicesOf(platform)].reverse()) {
    if (loaded[role])
      for (const argv of unload) steps.push({ tag: 'run', argv, why: `ends the ${role}`, optional: endsLater });
    for (const path of [link?.path, file].filter((item) => item !== undefined)) {
      if (there(path)) steps.push({ tag: 'remove', path, why: `the ${role} starts no more` });
    }
  }
  for (const argv of filter) steps.push({ tag: 'run', argv, why: 'takes our rules out of the packet filter' });
  for (const path of OURS) if (there(path)) steps.push({ tag: 'remove', path, why: 'belongs to pwagent' });
  if (platform === 'linux' && root === '/' && (loaded.deadline || loaded.supervisor)) {
    steps.push({ tag: 'run', argv: ['systemctl', 'daemon-reload'], why: 'the units are gone' });
  }
  const kept = KEPT.filter(there);
  const remarks = kept.length === 0 ? [] : [`kept: ${kept.join(', ')} and the worker's account; remove them by hand`];
  return { steps, remarks };
}
