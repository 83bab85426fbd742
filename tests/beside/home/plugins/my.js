// The smallest plugin that does something at both ends.
class MyPlugin {
  constructor(options) {
    this.name = "my-plugin";
    this.options = options;
  }

  async transformRequestIn(request, provider) {
    return { ...request, seed: 7, user: provider.name, debug: this.options.debug };
  }

  async transformResponseOut(response) {
    return response;
  }
}

module.exports = MyPlugin;
