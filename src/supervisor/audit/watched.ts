import type { User } from '../../platform/users.ts';
import type { WatchedKind } from './facts.ts';

/** A file, or a folder whose files count. */
export interface WatchedPlace {
  readonly kind: WatchedKind;
  readonly path: string;
  /** For folders: which files count; all when undefined. */
  readonly ending?: string;
  /** For folders that many users share: only files of the worker's user count. */
  readonly ownOnly?: true;
}

/** Read by shells and by git, at every start. */
const START_UP = [
  ...[
    '.profile',
    '.bash_profile',
    '.bash_login',
    '.bashrc',
    '.bash_logout',
    '.zshenv',
    '.zprofile',
    '.zshrc',
    '.zlogin',
  ],
  ...['.gitconfig', '.config/git/config', '.ssh/config', '.ssh/authorized_keys', '.ssh/rc', '.netrc', '.npmrc'],
];

function darwinPlaces({ name, home }: User): WatchedPlace[] {
  const library = `${home}/Library`;
  return [
    { kind: 'launch agent', path: `${library}/LaunchAgents`, ending: '.plist' },
    { kind: 'cron entry', path: `/var/at/tabs/${name}` },
    { kind: 'cron entry', path: '/var/at/jobs', ownOnly: true },
    {
      kind: 'login item',
      path: `${library}/Application Support/com.apple.backgroundtaskmanagementagent`,
      ending: '.btm',
    },
    { kind: 'login item', path: `${library}/Preferences/com.apple.loginitems.plist` },
    { kind: 'keychain', path: `${library}/Keychains` },
    { kind: 'keychain', path: `${library}/Preferences/com.apple.security.plist` },
  ];
}

function linuxPlaces({ name, home }: User): WatchedPlace[] {
  return [
    { kind: 'cron entry', path: `/var/spool/cron/crontabs/${name}` },
    { kind: 'cron entry', path: `/var/spool/cron/${name}` },
    { kind: 'cron entry', path: '/var/spool/cron/atjobs', ownOnly: true },
    { kind: 'launch agent', path: `${home}/.config/systemd/user` },
    { kind: 'launch agent', path: `${home}/.config/autostart`, ending: '.desktop' },
  ];
}

/** Where something may hide that outlives a task. */
export function watchedPlaces(platform: string, user: User): WatchedPlace[] {
  const own = platform === 'darwin' ? darwinPlaces(user) : linuxPlaces(user);
  return [...own, ...START_UP.map((file) => ({ kind: 'start-up file' as const, path: `${user.home}/${file}` }))];
}

/** Folders that every user may write to. */
export function sharedFolders(platform: string): string[] {
  return platform === 'darwin'
    ? ['/private/tmp', '/private/var/tmp', '/Users/Shared']
    : ['/tmp', '/var/tmp', '/dev/shm'];
}

/** Below the home: what is there to be kept from task to task. */
export function isCache(relative: string): boolean {
  return /^(?:\.cache|\.npm|\.bun|\.gradle|\.m2|\.cargo|\.rustup|\.cocoapods|\.gem|go\/pkg|Library\/(?:Caches|Logs|Developer))(?:\/|$)/.test(
    relative,
  );
}
