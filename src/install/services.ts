import deadlineScript from '../../launchd/deadline.sh' with { type: 'text' };
import deadlinePlist from '../../launchd/dev.pwagent.deadline.plist' with { type: 'text' };
import supervisorPlist from '../../launchd/dev.pwagent.plist' with { type: 'text' };
import supervisorUnit from '../../launchd/pwagent.service' with { type: 'text' };
import deadlineUnit from '../../launchd/pwagent-deadline.service' with { type: 'text' };

/** Systems that have a service manager of which we know. */
export type Platform = 'darwin' | 'linux';

/** What launchd or systemd starts at boot. */
export interface Service {
  readonly role: 'deadline' | 'supervisor';
  /** What the service manager calls it. */
  readonly name: string;
  readonly file: string;
  readonly content: string;
  /** systemd alone: the link that makes it start at boot. launchd starts whatever lies in its folder. */
  readonly link: { readonly path: string; readonly target: string } | undefined;
  /** Exits with 0 exactly when the service manager has it. */
  readonly askLoaded: readonly string[];
  readonly load: readonly (readonly string[])[];
  readonly unload: readonly (readonly string[])[];
  /** launchd says that a service is ended while it still ends; until it has, it cannot be loaded anew. */
  readonly endsLater: boolean;
  /** For a service that runs: a new start with what is on the disk now; empty where that takes an end and a load. */
  readonly reload: readonly (readonly string[])[];
}

export const DEADLINE_SCRIPT: string = deadlineScript;

function launchDaemon(role: Service['role'], name: string, content: string): Service {
  const file = `/Library/LaunchDaemons/${name}.plist`;
  const load = [['launchctl', 'bootstrap', 'system', file]];
  const unload = [['launchctl', 'bootout', `system/${name}`]];
  const askLoaded = ['launchctl', 'print', `system/${name}`];
  return { role, name, file, content, link: undefined, askLoaded, load, unload, endsLater: true, reload: [] };
}

function systemdUnit(role: Service['role'], name: string, content: string): Service {
  const file = `/etc/systemd/system/${name}`;
  const again = ['systemctl', 'daemon-reload'];
  return {
    role,
    name,
    file,
    content,
    link: { path: `/etc/systemd/system/multi-user.target.wants/${name}`, target: file },
    askLoaded: ['systemctl', 'is-active', '--quiet', name],
    load: [again, ['systemctl', 'start', name]],
    unload: [['systemctl', 'stop', name]],
    endsLater: false,
    reload: [again, ['systemctl', 'restart', name]],
  };
}

/** The services of a platform; the deadline comes first, since it depends on nothing. */
export function servicesOf(platform: Platform): readonly [deadline: Service, supervisor: Service] {
  if (platform === 'darwin') {
    return [
      launchDaemon('deadline', 'dev.pwagent.deadline', deadlinePlist),
      launchDaemon('supervisor', 'dev.pwagent', supervisorPlist),
    ];
  }
  return [
    systemdUnit('deadline', 'pwagent-deadline.service', deadlineUnit),
    systemdUnit('supervisor', 'pwagent.service', supervisorUnit),
  ];
}
