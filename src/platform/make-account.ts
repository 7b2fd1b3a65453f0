/** One program to run for a new account. Programs are named alone: whoever runs them gives the path of the system. */
export interface AccountStep {
  readonly argv: readonly string[];
  readonly why: string;
  /** Its failure leaves an account that can be used. */
  readonly optional: boolean;
}

/** What both systems take as the name of an account, and no tool as an option. */
const ACCOUNT = /^[A-Za-z_][A-Za-z0-9_-]{0,30}$/;

/** Whether an account may be given that name. */
export function isAccountName(name: string): boolean {
  return ACCOUNT.test(name);
}

function step(why: string, argv: readonly string[], optional = false): AccountStep {
  return { argv, why, optional };
}

/** Takes the id that the system chose for the group; the name comes as an argument, never as part of the script. */
const SET_GROUP =
  'dscl . -create "/Users/$1" PrimaryGroupID "$(dscl . -read "/Groups/$1" PrimaryGroupID | cut -d " " -f 2)"';

function darwinAccount(name: string): AccountStep[] {
  const record = `/Users/${name}`;
  return [
    step('the worker gets an account of its own', [
      ...['sysadminctl', '-addUser', name, '-fullName', 'pwagent worker'],
      ...['-home', record, '-shell', '/bin/zsh'],
    ]),
    step('the tool above reports success in any case', ['id', '-u', name]),
    step('it shares no group with other users', ['dseditgroup', '-o', 'create', name], true),
    step('it shares no group with other users', ['sh', '-c', SET_GROUP, 'sh', name], true),
    step('nobody logs in as it with a password', ['dscl', '.', '-create', record, 'Password', '*'], true),
    step('it is no person', ['dscl', '.', '-create', record, 'IsHidden', '1'], true),
    step('tasks need a home', ['createhomedir', '-c', '-u', name], true),
    step('its home belongs to it', ['chown', '-R', `${name}:${name}`, record], true),
    step('other users have no business there', ['chmod', '0750', record], true),
  ];
}

function linuxAccount(name: string, root: string): AccountStep[] {
  const staged = root === '/' ? [] : ['--prefix', root];
  const home = ['--create-home', '--home-dir', `/home/${name}`, '--shell', '/bin/bash'];
  return [
    step('the worker gets an account of its own', [
      ...['useradd', ...staged, '--comment', 'pwagent worker', '--user-group', ...home, name],
    ]),
    step('other users have no business there', ['chmod', '0750', `${root === '/' ? '' : root}/home/${name}`], true),
  ];
}

/**
 * What makes the worker's account, in order: a home that only it may use, a group of its own, no password. `platform`
 * as in `process.platform`; `root`: the folder that the machine is staged in (Linux only), else `/`.
 */
export function accountSteps(name: string, platform: string, root = '/'): readonly AccountStep[] {
  return platform === 'darwin' ? darwinAccount(name) : linuxAccount(name, root);
}
