/** The files of this folder are carried by the executable as text. */
declare module '*.sh' {
  const text: string;
  export = text;
}

declare module '*.plist' {
  const text: string;
  export = text;
}

declare module '*.service' {
  const text: string;
  export = text;
}
