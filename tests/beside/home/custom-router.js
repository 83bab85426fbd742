// As people write it who map the tiers of Claude to models of their own.
module.exports = async function router(req, config) {
  const known = (name) => config.Providers.some((provider) => provider.name === name);
  if (req.body.model.includes("opus") && known("volcengine")) {
    return "volcengine,deepseek-v3-250324";
  }
  return null;
};
