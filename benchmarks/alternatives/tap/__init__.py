"""What a pass-through between miners and a pool adds: ours, and HAProxy's."""
