"""Addresses of each class typed at the prompt, texts that are no address, and this machine's own addresses."""
from play import Lesson

with Lesson(__file__) as lesson:
    address = lesson.start("address")
    for text, bits, letter, expected in [
            ("10.0.0.1", "00001010 00000000 00000000 00000001", "A, first bits 0", "私有ip (private)"),
            ("172.31.255.255", "10101100 00011111 11111111 11111111", "B, first bits 10", "私有ip (private)"),
            ("192.168.1.1", "11000000 10101000 00000001 00000001", "C, first bits 110", "私有ip (private)"),
            ("239.255.255.255", "11101111 11111111 11111111 11111111", "D, first bits 1110", "多点广播 (multicast)"),
            ("240.0.0.1", "11110000 00000000 00000000 00000001", "E, first bits 1111", "registry:        Reserved\n"),
            ("127.0.0.0", "01111111 00000000 00000000 00000000", "A, first bits 0", "环回地址 (loopback)"),
            ("8.8.8.8", "00001000 00001000 00001000 00001000", "A, first bits 0", "no row: an ordinary address")]:
        address.expect("请输入IP地址 (an IPv4 address, Ctrl-D ends): ")
        address.type(text)
        address.expect(f"二进制 (in binary):   {bits} \n")
        address.expect(f"类别 (class):         {letter}\n")
        address.expect(expected)
    for text, why in [("192.168.1.256", '"192.168.1.256" is no IPv4 address: octet 4 is 256, above 255'),
                      ("1922.168.1.3", "octet 1 has more than three digits"), ("", '"" is no IPv4 address: '),
                      ("\x1b[2J", '"\\x1b[2J" is no IPv4 address: ')]:
        address.expect("Ctrl-D ends): ")
        address.type(text)
        address.expect(why)
    address.expect("Ctrl-D ends): ")
    address.end_of_input()
    assert address.ends(0).count("私有ip") == 3

    mine = lesson.start("my_addresses").ends(0)
    assert mine.startswith("lo (up)\n    127.0.0.1/8\n"), mine
