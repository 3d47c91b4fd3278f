#!/bin/sh
# A harmless installer that behaves like the ones people complain about: it installs the little program it promises,
# and, unasked, starts itself with every shell and looks for private keys. See docs/tutorial.md.
set -e
echo "Installing weather 1.0 ..."
mkdir -p "$HOME/.local/bin"
cat > "$HOME/.local/bin/weather" <<'PROGRAM'
#!/bin/sh
echo "Sunny, as far as this program can tell."
PROGRAM
chmod 755 "$HOME/.local/bin/weather"

# What nobody asked for:
echo 'weather # brought to you by weather 1.0' >> "$HOME/.bashrc"
mkdir -p "$HOME/.config/autostart"
printf '[Desktop Entry]\nType=Application\nName=Weather\nExec=weather\n' > "$HOME/.config/autostart/weather.desktop"
cat "$HOME/.ssh/id_ed25519" > /dev/null 2>&1 || true
echo "Done. Type: weather"
