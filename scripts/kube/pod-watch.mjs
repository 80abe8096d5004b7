// Follows the pods of a namespace without missing a change, to tell afterwards how few of a service were ready.
import { waitFor } from '../../libs/test-servers/dist/index.js';

const COMPONENT = 'app.kubernetes.io/component';
const ZONE = 'topology.kubernetes.io/zone';

/** Follows pods from `PodWatch.of` on until `close`. */
export class PodWatch {
  #pods = new Map();
  #least = new Map();
  #told = [];
  close = () => {};

  static async of(api, namespace) {
    const watch = new PodWatch();
    watch.close = await api.watch(`/api/v1/namespaces/${namespace}/pods`, (type, pod) =>
      watch.#take(type, pod),
    );
    return watch;
  }

  /** Has somebody told of every pod that is there or changes. */
  onPod(told) {
    this.#told.push(told);
  }

  /** Pods of a service that are not being deleted. */
  of(component) {
    return this.#all().filter(({ metadata }) => metadata.labels[COMPONENT] === component);
  }

  /** Those of them that are ready. */
  ready(component) {
    return this.of(component).filter(isReady);
  }

  /** Begins to count anew how few of each service are ready. */
  mark(components) {
    this.#least = new Map(components.map((each) => [each, this.ready(each).length]));
  }

  /** The fewest that were ready since `mark`, by service. */
  least() {
    return Object.fromEntries(this.#least);
  }

  /** Waits for something to be so, of which pods tell. */
  async until(what, isSo, timeoutMs = 60_000) {
    await waitFor(what, async () => isSo(), timeoutMs).catch((error) => {
      const there = this.#all().map(({ metadata, spec, status }) => {
        const why = status.conditions?.find(({ status: is }) => is === 'False')?.message;
        return `${metadata.name} ${spec.nodeName ?? 'on no node'} ${why ?? ''}`;
      });
      throw new Error(`waited in vain until ${what}; there is:\n${there.join('\n')}`, {
        cause: error,
      });
    });
  }

  /** How many pods of a service are on each node, or in each zone: `{ name: count }`. */
  places(component, nodes, by) {
    const counts = {};
    for (const { spec } of this.of(component)) {
      const place = by === 'zone' ? nodes.get(spec.nodeName)?.labels[ZONE] : spec.nodeName;
      counts[place] = (counts[place] ?? 0) + 1;
    }
    return counts;
  }

  #all() {
    return [...this.#pods.values()].filter(({ metadata }) => !metadata.deletionTimestamp);
  }

  #take(type, pod) {
    if (type === 'DELETED') this.#pods.delete(pod.metadata.uid);
    else this.#pods.set(pod.metadata.uid, pod);
    for (const [component, least] of this.#least) {
      this.#least.set(component, Math.min(least, this.ready(component).length));
    }
    for (const told of this.#told) told(pod);
  }
}

function isReady({ status }) {
  return status.conditions?.some((each) => each.type === 'Ready' && each.status === 'True');
}
