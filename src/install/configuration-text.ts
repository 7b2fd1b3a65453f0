interface Names {
  readonly name: string | undefined;
  readonly user: string;
  /** Whether the account is made by this very installation. */
  readonly made: boolean;
}

/** The supervisor's configuration where the operator brought none: the defaults, and the account of the worker. */
export function configurationText({ name, user, made }: Names): string {
  const lines = [
    '# Written by pwagent install, which never writes it again. Every key that is not here has its default.',
    ...(name === undefined ? [] : [`name: ${JSON.stringify(name)}`]),
    'worker:',
    `  user: ${JSON.stringify(user)}`,
    made
      ? '  dedicated: true   # made for the worker alone: whatever else runs as this user may be ended'
      : '  dedicated: false  # this user was there before',
  ];
  return `${lines.join('\n')}\n`;
}

/** The worker's configuration: where its hub is. */
export function workerText(rpcEndpoint: string): string {
  return `# Written by pwagent install.\nrpc: { endpoint: ${JSON.stringify(rpcEndpoint)} }\n`;
}
