import { AppError } from '../lib/errors.ts';
import { isAccountName } from '../platform/make-account.ts';
import { configurationText } from './configuration-text.ts';
import type { InstallFacts, InstallOptions } from './facts.ts';
import { PATHS } from './paths.ts';
import { leftoverSteps, remarksOf } from './remarks.ts';
import { requireRoot } from './require-root.ts';
import { DEADLINE_SCRIPT, type Service, servicesOf } from './services.ts';
import type { Plan, Step } from './step.ts';
import { userSteps } from './user-steps.ts';
import { seenAt, wantFile, wantFolder, wantMode, wantSystemFolder } from './want.ts';

/** Every path that the plan asks about, for whoever gathers the facts. */
export function pathsToLookAt(facts: Pick<InstallFacts, 'platform' | 'config'>): string[] {
  const { config } = facts;
  const own = config === undefined ? [] : [config.workerFile, config.tokenFile, config.stateDir];
  const services = servicesOf(facts.platform).flatMap(({ file, link }) => [
    file,
    folderOf(file),
    ...(link === undefined ? [] : [link.path, folderOf(link.path)]),
  ]);
  return [...new Set([...Object.values(PATHS), folderOf(PATHS.binary), ...own, ...services])];
}

function folderOf(path: string): string {
  return path.slice(0, path.lastIndexOf('/'));
}

/** The file, the link that starts it at boot, and (on a machine that is not just prepared) the service itself. */
function serviceSteps(service: Service, facts: InstallFacts, mayStart: boolean, changed: boolean): Step[] {
  const { seen } = facts;
  const { file, content, link } = service;
  const files = [
    ...wantSystemFolder(seen, folderOf(file)),
    ...wantFile(seen, file, content, 0o644, `the ${service.role} starts with the machine`),
  ];
  const now = link === undefined ? undefined : seenAt(seen, link.path);
  const linked = now === undefined || link === undefined || (now.kind === 'link' && now.target === link.target);
  if (!linked) {
    files.push(...wantSystemFolder(seen, folderOf(link.path)), { tag: 'link', ...link, why: 'started at boot' });
  }
  if (!mayStart) return files;
  if (!facts.loaded[service.role])
    return [...files, ...service.load.map((argv): Step => ({ tag: 'run', argv, why: 'it is not running' }))];
  if (files.length === 0 && !changed) return [];
  return [...files, ...reloadSteps(service)];
}

function reloadSteps({ reload, unload, load, endsLater }: Service): Step[] {
  const why = 'it runs what was there before';
  if (reload.length > 0) return reload.map((argv) => ({ tag: 'run', argv, why }));
  return [
    ...unload.map((argv): Step => ({ tag: 'run', argv, why, optional: endsLater })),
    ...load.map((argv): Step => ({ tag: 'run', argv, why, tries: RELOAD_TRIES })),
  ];
}

/** A service that is told to end may need its time-out of 60 s; until then launchd refuses to load it anew. */
const RELOAD_TRIES = 45;

function deadlineSteps(facts: InstallFacts, mayStart: boolean): Step[] {
  const { seen } = facts;
  const script = wantFile(seen, PATHS.deadline, DEADLINE_SCRIPT, 0o755, 'ends the machine after two days');
  const [deadline] = servicesOf(facts.platform);
  return [
    ...wantFolder(seen, PATHS.libexec, 0o755, 'holds the deadline'),
    ...script,
    ...serviceSteps(deadline, facts, mayStart, script.length > 0),
  ];
}

function binarySteps({ seen, binary, signature, platform }: InstallFacts): Step[] {
  const steps = wantSystemFolder(seen, folderOf(PATHS.binary));
  const now = seenAt(seen, PATHS.binary);
  if (now.kind === 'folder' || now.kind === 'other') throw new AppError('CONFIG', `${PATHS.binary} is no file`);
  const same = now.kind === 'file' && now.sha256 === binary.sha256;
  if (!same) steps.push({ tag: 'copy', from: binary.path, path: PATHS.binary, mode: 0o755, why: 'the executable' });
  else steps.push(...wantMode(seen, PATHS.binary, 0o755));
  if (platform !== 'darwin') return steps;
  if (signature.quarantined) {
    const argv = ['xattr', '-d', 'com.apple.quarantine', PATHS.binary];
    steps.push({ tag: 'run', argv, why: 'macOS holds back what was downloaded', optional: true });
  }
  if (!signature.valid) {
    const argv = ['codesign', '--force', '-s', '-', PATHS.binary];
    steps.push({ tag: 'run', argv, why: 'codesign --verify refuses its signature' });
  }
  return steps;
}

function configurationSteps(facts: InstallFacts, options: InstallOptions): Step[] {
  const { seen, config, user } = facts;
  const builtin = config?.builtin ?? true;
  const [workerFile, tokenFile] = [config?.workerFile ?? PATHS.worker, config?.tokenFile ?? PATHS.token];
  const steps = wantFolder(seen, PATHS.folder, 0o755, 'holds the configuration');
  if (seenAt(seen, PATHS.config).kind === 'absent') {
    const content =
      options.configText ?? configurationText({ name: options.name, user: user.name, made: !user.exists });
    steps.push({ tag: 'write', path: PATHS.config, content, mode: 0o644, why: 'the supervisor reads it' });
  }
  if (builtin && options.workerText !== undefined && seenAt(seen, workerFile).kind === 'absent') {
    steps.push({
      tag: 'write',
      path: workerFile,
      content: options.workerText,
      mode: 0o600,
      why: 'the worker reads it',
    });
  } else {
    steps.push(...wantMode(seen, workerFile, 0o600));
  }
  if (options.token === undefined) steps.push(...wantMode(seen, tokenFile, 0o600));
  else steps.push(...wantFile(seen, tokenFile, options.token, 0o600, 'the worker registers with it'));
  const marker = options.image ? 'any' : facts.instanceId;
  if (marker !== undefined) {
    const why = options.image ? 'a machine of this image may be ended' : 'this instance may be ended';
    steps.push(...wantFile(seen, PATHS.marker, `${marker}\n`, 0o644, why));
  }
  return steps;
}

/** Refuses what could only lead to a supervisor that starts and fails for ever. */
function refuse(facts: InstallFacts, options: InstallOptions): void {
  requireRoot(facts, 'install');
  if (!isAccountName(facts.user.name)) {
    throw new AppError('CONFIG', `"${facts.user.name}" cannot be the name of an account`, {
      hint: 'take letters, digits, - and _, 31 of them at most',
    });
  }
  const armable = options.image || facts.instanceId !== undefined;
  if (armable || facts.root !== '/' || facts.config?.namesShutdown === true) return;
  throw new AppError('CONFIG', 'no metadata service tells an instance id, so nothing would end this machine', {
    hint: `name a configuration with shutdown.command (--config FILE), or prepare a machine image with --image`,
  });
}

/** Both services ask for the same folders of the system. */
function withoutRepetition(steps: readonly Step[]): Step[] {
  const folders = new Set<string>();
  return steps.filter((step) => {
    if (step.tag !== 'folder') return true;
    const first = !folders.has(step.path);
    folders.add(step.path);
    return first;
  });
}

/**
 * What has to change so that this machine has pwagent installed: nothing where all is right already. Throws `AppError`
 * (CONFIG, NO_PERMISSION) for what cannot be.
 */
export function planInstall(facts: InstallFacts, options: InstallOptions): Plan {
  refuse(facts, options);
  const [, supervisor] = servicesOf(facts.platform);
  const mayStart = !options.image && facts.root === '/';
  const clear = options.replace || facts.leftovers.every(({ tag }) => tag === 'file');
  const binary = binarySteps(facts);
  const steps = [
    ...deadlineSteps(facts, mayStart),
    ...(options.replace ? leftoverSteps(facts) : []),
    ...binary,
    ...configurationSteps(facts, options),
    ...userSteps(facts),
    ...wantFolder(facts.seen, facts.config?.stateDir ?? PATHS.state, 0o700, 'holds the journal'),
    ...serviceSteps(supervisor, facts, mayStart && clear, binary.length > 0),
  ];
  return { steps: withoutRepetition(steps), remarks: remarksOf(facts, options) };
}
