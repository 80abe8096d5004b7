/** Puts a test's hands on some methods of a real object. */

/** `target` with some of its methods replaced. */
export function intercept<T extends object>(target: T, changes: Partial<T>): T {
  return new Proxy(target, {
    get: (object, name) => {
      if (name in changes) return changes[name as keyof T];
      const value: unknown = Reflect.get(object, name);
      return typeof value === 'function' ? (value.bind(object) as unknown) : value;
    },
  });
}
