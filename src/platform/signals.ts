/** Signals that would end this process or that somebody may send to it on purpose; job control is left to the terminal. */
const WATCHED = [
  'SIGINT',
  'SIGTERM',
  'SIGHUP',
  'SIGQUIT',
  'SIGUSR1',
  'SIGUSR2',
  'SIGALRM',
  'SIGPIPE',
  'SIGVTALRM',
  'SIGPROF',
  'SIGXCPU',
  'SIGXFSZ',
] as const;

/** Takes the default effect of every watched signal away and tells of each. The returned function takes that back. */
export function watchSignals(onSignal: (name: NodeJS.Signals) => void): () => void {
  for (const name of WATCHED) process.on(name, onSignal);
  return () => {
    for (const name of WATCHED) process.off(name, onSignal);
  };
}

/** Hands errors to `onPanic` that nobody caught, which would end this process. The returned function takes that back. */
export function watchPanics(onPanic: (error: unknown) => void): () => void {
  process.on('uncaughtException', onPanic);
  process.on('unhandledRejection', onPanic);
  return () => {
    process.off('uncaughtException', onPanic);
    process.off('unhandledRejection', onPanic);
  };
}
