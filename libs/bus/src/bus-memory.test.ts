/** Holds the bus within one process to the contract. */
import { describeBus } from './bus-contract.ts';
import { MemoryBus } from './bus-memory.ts';

describeBus('memory', async () => {
  const bus = new MemoryBus();
  return { worker: bus, gateway: bus, destroy: () => bus.close() };
});
