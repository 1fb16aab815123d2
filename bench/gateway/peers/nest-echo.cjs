// The service of the bare Nest chain: answers what it is asked, from memory.
require('reflect-metadata');
const { Module, Controller } = require('@nestjs/common');
const { NestFactory } = require('@nestjs/core');
const { MessagePattern, Transport } = require('@nestjs/microservices');

class EchoController {
  get({ id }) {
    return { data: { id, name: 'bench', version: 1, definition: { name: 'bench', steps: [] } } };
  }
}
Controller()(EchoController);
MessagePattern('workflow.get')(
  EchoController.prototype,
  'get',
  Object.getOwnPropertyDescriptor(EchoController.prototype, 'get'),
);

class EchoModule {}
Module({ controllers: [EchoController] })(EchoModule);

NestFactory.createMicroservice(EchoModule, {
  logger: false,
  transport: Transport.NATS,
  options: { servers: [process.env.NATS_URL], queue: 'echo' },
}).then(async (app) => {
  await app.listen();
  process.send({ port: 0 });
});
process.on('disconnect', () => process.exit(0));
