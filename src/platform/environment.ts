/** Environment variables by name. */
export type Environment = Readonly<Record<string, string>>;

/** This process's own environment. Rooms get what they need of it as a parameter and never read it themselves. */
export function processEnvironment(): Environment {
  const defined = Object.entries(process.env).filter((entry): entry is [string, string] => entry[1] !== undefined);
  return Object.fromEntries(defined);
}
