import type { InstallFacts } from './facts.ts';
import type { Step } from './step.ts';

function run(why: string, argv: readonly string[], optional = false): Step {
  return { tag: 'run', argv, why, optional };
}

/** Takes the id that the system chose for the group; the name comes as an argument, never as part of the script. */
const SET_GROUP =
  'dscl . -create "/Users/$1" PrimaryGroupID "$(dscl . -read "/Groups/$1" PrimaryGroupID | cut -d " " -f 2)"';

function darwinUser(name: string): Step[] {
  const record = `/Users/${name}`;
  return [
    run('the worker gets an account of its own', [
      ...['sysadminctl', '-addUser', name, '-fullName', 'pwagent worker'],
      ...['-home', record, '-shell', '/bin/zsh'],
    ]),
    run('the tool above reports success in any case', ['id', '-u', name]),
    run('it shares no group with other users', ['dseditgroup', '-o', 'create', name], true),
    run('it shares no group with other users', ['sh', '-c', SET_GROUP, 'sh', name], true),
    run('nobody logs in as it with a password', ['dscl', '.', '-create', record, 'Password', '*'], true),
    run('it is no person', ['dscl', '.', '-create', record, 'IsHidden', '1'], true),
    run('tasks need a home', ['createhomedir', '-c', '-u', name], true),
    run('its home belongs to it', ['chown', '-R', `${name}:${name}`, record], true),
    run('other users have no business there', ['chmod', '0750', record], true),
  ];
}

function linuxUser(name: string, root: string): Step[] {
  const staged = root === '/' ? [] : ['--prefix', root];
  const home = ['--create-home', '--home-dir', `/home/${name}`, '--shell', '/bin/bash'];
  return [
    run('the worker gets an account of its own', [
      ...['useradd', ...staged, '--comment', 'pwagent worker', '--user-group', ...home, name],
    ]),
    run('other users have no business there', ['chmod', '0750', `${root === '/' ? '' : root}/home/${name}`], true),
  ];
}

/** Steps that make the worker's account where there is none. */
export function userSteps({ user, canMakeUser, platform, root }: InstallFacts): Step[] {
  if (user.exists || !canMakeUser) return [];
  return platform === 'darwin' ? darwinUser(user.name) : linuxUser(user.name, root);
}
