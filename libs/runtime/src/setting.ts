/**
 * What a service may declare about one of its settings. The table of these declarations is the
 * single source of the parser, the config object's type, `--help`, and the reference page.
 */
import type { HostPort } from './host-port.ts';
import type { Secret } from './secret.ts';

/** Free text. */
export interface StringKind {
  readonly type: 'string';
  /** At least this many characters; 1 when absent (an empty value counts as not set). */
  readonly lengthMin?: number;
  /** At most this many characters; 4096 when absent. */
  readonly lengthMax?: number;
  /** A regular expression the whole value must match; needs `allowed`. */
  readonly pattern?: string;
  /** Says in words what `pattern` asks for, for error messages and help. */
  readonly allowed?: string;
}

/** `true`, `yes`, `on`, `1` or `false`, `no`, `off`, `0`. */
export interface BooleanKind {
  readonly type: 'boolean';
}

/** A whole number (`integer`) or one that may have a fraction (`number`). */
export interface NumberKind {
  readonly type: 'integer' | 'number';
  readonly min?: number;
  readonly max?: number;
}

/** A duration (read as milliseconds) or a size (read as bytes); bounds are written likewise. */
export interface QuantityKind {
  readonly type: 'duration' | 'bytes';
  /** Such as `1s` or `64KiB`. */
  readonly min?: string;
  readonly max?: string;
}

/** One of a few words. */
export interface EnumKind {
  readonly type: 'enum';
  readonly values: readonly string[];
}

/** `host:port`; also the word `off`, unless `canBeOff` is false. */
export interface HostPortKind {
  readonly type: 'hostPort';
  readonly canBeOff?: boolean;
}

/**
 * An address with a scheme. `url` refuses a user or password in it, because addresses end up in logs,
 * and may be the word `off` where `canBeOff` is true; `secretUrl` allows them and is read as a
 * `Secret<URL>`.
 */
export interface UrlKind {
  readonly type: 'url' | 'secretUrl';
  /** Allowed schemes without the colon, such as `redis`; `https` and `http` when absent. */
  readonly protocols?: readonly string[];
  readonly canBeOff?: boolean;
}

/** Text that must not show up anywhere; read as a `Secret`. Has no default. */
export interface SecretKind {
  readonly type: 'secret';
  readonly lengthMin?: number;
}

/** Values that stand alone or as the items of a list. */
export type ScalarKind =
  | StringKind
  | BooleanKind
  | NumberKind
  | QuantityKind
  | EnumKind
  | HostPortKind
  | UrlKind
  | SecretKind;

/** Several values with commas between them; the word `none` is the empty list. */
export interface ListKind {
  readonly type: 'list';
  readonly of: ScalarKind;
  /** At least this many items; 0 when absent. */
  readonly countMin?: number;
  /** At most this many items; 1000 when absent. */
  readonly countMax?: number;
}

/** What every setting says about itself, whatever its type. */
export interface SettingBase {
  /** The variable's name: `MOSAIC_`, then capitals, digits and underscores. */
  readonly name: `MOSAIC_${string}`;
  /** One or two sentences for the person who operates the service. */
  readonly doc: string;
  /** What holds when the setting is absent, written as an operator would write it. */
  readonly default?: string | number | boolean;
  /** Without a default: whether the setting may be absent (then it reads as undefined). */
  readonly optional?: boolean;
  /**
   * Whether the value may also stand in a file that the variable `…_FILE` names, as certificates do;
   * secrets always may.
   */
  readonly fromFile?: boolean;
}

/** One declared setting. Without `default` and `optional` it must be given. */
export type Setting = SettingBase & (ScalarKind | ListKind);

/**
 * A service's settings; the keys are the property names of its config object. Declare it `as
 * const`, so that {@link ConfigOf} knows which settings have defaults and what an enum allows.
 */
export type SettingsTable = Readonly<Record<string, Setting>>;

/** The type a setting of kind `K` is read as. Durations are milliseconds, sizes are bytes. */
export type KindValue<K> = K extends { readonly type: 'list'; readonly of: infer Item }
  ? readonly KindValue<Item>[]
  : K extends { readonly type: 'string' }
    ? string
    : K extends { readonly type: 'boolean' }
      ? boolean
      : K extends { readonly type: 'integer' | 'number' | 'duration' | 'bytes' }
        ? number
        : K extends { readonly type: 'enum'; readonly values: readonly (infer Word)[] }
          ? Word
          : K extends { readonly type: 'hostPort' }
            ? K extends { readonly canBeOff: false }
              ? HostPort
              : HostPort | 'off'
            : K extends { readonly type: 'url' }
              ? K extends { readonly canBeOff: true }
                ? URL | 'off'
                : URL
              : K extends { readonly type: 'secretUrl' }
                ? Secret<URL>
                : K extends { readonly type: 'secret' }
                  ? Secret
                  : never;

/** The config object that `readConfig` makes from a table of type `T`. */
export type ConfigOf<T extends SettingsTable> = {
  readonly [Key in keyof T]: T[Key] extends { readonly default: string | number | boolean }
    ? KindValue<T[Key]>
    : T[Key] extends { readonly optional: true }
      ? KindValue<T[Key]> | undefined
      : KindValue<T[Key]>;
};
