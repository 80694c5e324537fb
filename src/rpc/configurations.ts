// Settings of a role as `ShowConfigurations` shows them: flat keys with text values. Each is listed by name: a process hands its roles more
// than their own settings, secrets among them.

/** @param pattern beginning of the keys that are wanted, upper or lower case; empty: all */
export const configurations = <Settings extends object>(
  role: string,
  settings: Settings,
  shown: readonly (keyof Settings & string)[],
  pattern: string,
): { readonly key: string; readonly value: string }[] =>
  shown
    .map((name) => ({ key: `${role}.${name}`, value: String(settings[name]) }))
    .filter(({ key }) => key.toLowerCase().startsWith(pattern.toLowerCase()));
