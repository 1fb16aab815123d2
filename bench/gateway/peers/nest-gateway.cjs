// The gateway of the bare Nest chain: Express, a controller, ClientProxy over NATS; no authentication, no check.
require('reflect-metadata');
const { Module, Controller, Get, Param } = require('@nestjs/common');
const { NestFactory } = require('@nestjs/core');
const { ClientProxyFactory, Transport } = require('@nestjs/microservices');

const client = ClientProxyFactory.create({ transport: Transport.NATS, options: { servers: [process.env.NATS_URL] } });

class WorkflowsController {
  get(id) {
    return client.send('workflow.get', { id });
  }
}
Controller('workflows')(WorkflowsController);
Get(':id')(WorkflowsController.prototype, 'get', Object.getOwnPropertyDescriptor(WorkflowsController.prototype, 'get'));
Param('id')(WorkflowsController.prototype, 'get', 0);

class GatewayModule {}
Module({ controllers: [WorkflowsController] })(GatewayModule);

NestFactory.create(GatewayModule, { logger: false }).then(async (app) => {
  await client.connect();
  await app.listen(0, '127.0.0.1');
  process.send({ port: app.getHttpServer().address().port });
});
process.on('disconnect', () => process.exit(0));
